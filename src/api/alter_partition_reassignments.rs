//! AlterPartitionReassignments (key 45), versions 0 and 1: there is one node to be on.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
use crate::schema::clients::alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = AlterPartitionReassignmentsRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(
        services,
        ctx,
        request,
        AlterPartitionReassignmentsResponse::encode,
        move |image, _, request| change::alter_partition_reassignments(image, request),
    ))
}
