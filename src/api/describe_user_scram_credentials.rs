//! DescribeUserScramCredentials (key 50), version 0: users that the metadata log has, for instance in a
//! directory that a Kafka wrote. Their secrets are never told.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Context, Handling, Services};
use crate::schema::clients::describe_user_scram_credentials_request::DescribeUserScramCredentialsRequest;
use crate::schema::clients::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResponse, DescribeUserScramCredentialsResult,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeUserScramCredentialsRequest::decode(&mut body, ctx.version)?;
    let image = services.metadata.image();
    let mut users: BTreeMap<&str, Vec<CredentialInfo>> = BTreeMap::new();
    for credential in image.security().credentials() {
        users.entry(&credential.name).or_default().push(CredentialInfo {
            mechanism: credential.mechanism,
            iterations: credential.iterations,
            ..Default::default()
        });
    }
    let asked = request.users.as_ref().filter(|users| !users.is_empty());
    let names: Vec<&str> = match asked {
        None => users.keys().copied().collect(),
        Some(asked) => {
            let mut names: Vec<&str> = Vec::new();
            for user in asked {
                if !names.contains(&&*user.name) {
                    names.push(&user.name);
                }
            }
            names
        }
    };
    let is_repeated =
        |name: &str| asked.is_some_and(|asked| asked.iter().filter(|user| user.name == name).count() > 1);
    let results = names.into_iter().map(|name| {
        let infos = users.get(name).cloned().unwrap_or_default();
        let (code, text) = match () {
            () if is_repeated(name) => {
                (ErrorCode::DUPLICATE_RESOURCE, Some("the request names this user more than once"))
            }
            () if infos.is_empty() => (ErrorCode::RESOURCE_NOT_FOUND, Some("there is no such user")),
            () => (ErrorCode::NONE, None),
        };
        DescribeUserScramCredentialsResult {
            user: Cow::Borrowed(name),
            error_code: code.code(),
            error_message: text.map(Cow::Borrowed),
            credential_infos: if code.is_none() { infos } else { Vec::new() },
            ..Default::default()
        }
    });
    let response = DescribeUserScramCredentialsResponse { results: results.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}
