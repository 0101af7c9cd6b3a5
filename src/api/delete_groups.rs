//! DeleteGroups (key 42), versions 0 to 3: groups without members, with all that they committed. Since
//! version 3 an error comes with a sentence.

use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::schema::clients::delete_groups_request::DeleteGroupsRequest;
use crate::schema::clients::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use crate::schema::{DecodeError, Reader};

/// Decides on each group by itself, and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DeleteGroupsRequest::decode(&mut body, ctx.version)?;
    let mut ids: Vec<String> = Vec::with_capacity(request.groups_names.len());
    for id in &request.groups_names {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_string());
        }
    }
    let one = |id: &String| services.groups.decide(id, |shard, _| shard.delete_groups(&[id]));
    let pending = ids.iter().map(one).collect();
    Ok(answer_all(ctx, pending, move |answers, w, version| {
        let mut results = Vec::with_capacity(ids.len());
        for (answer, id) in answers.into_iter().zip(ids) {
            results.extend(answer.unwrap_or_else(|code| {
                vec![DeletableGroupResult {
                    group_id: id.into(),
                    error_code: code.code(),
                    ..Default::default()
                }]
            }));
        }
        DeleteGroupsResponse { results, ..Default::default() }.encode(w, version);
    }))
}
