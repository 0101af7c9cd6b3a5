//! ListPartitionReassignments (key 46), version 0: none is ever in progress on one node, but for what a
//! directory of another cluster brought along.

use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use crate::schema::{DecodeError, Reader};

/// Lists.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ListPartitionReassignmentsRequest::decode(&mut body, ctx.version)?;
    let response = change::list_partition_reassignments(&services.metadata.image(), &request);
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}
