//! DescribeAcls (key 29), versions 1 to 3: there is no authorizer, and that is the answer, as Kafka's is.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::schema::clients::describe_acls_request::DescribeAclsRequest;
use crate::schema::clients::describe_acls_response::DescribeAclsResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Answers.
pub(super) fn handle(_: &Services, ctx: &Context<'_>, mut body: Reader<'_>) -> Result<Handling, DecodeError> {
    DescribeAclsRequest::decode(&mut body, ctx.version)?;
    let response = DescribeAclsResponse {
        error_code: ErrorCode::SECURITY_DISABLED.code(),
        error_message: Some(Cow::Borrowed("no authorizer is configured on this broker")),
        ..Default::default()
    };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}
