//! The only list of APIs: which are served, by which handler, and what ApiVersions says of them.
//!
//! Versions and listeners come from the schemas; a row states only where Klamm departs from them.
use crate::schema::{Api, DecodeError, Reader, api_key};

use super::{Context, Handling, ListenerKind, Refusal, Services, api_versions};

/// The ordered phase of an API. `Err` closes the connection: the body could not be read.
pub type Handler = fn(&Services, &Context<'_>, Reader<'_>) -> Result<Handling, DecodeError>;

/// One API that Klamm serves.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The API.
    pub key: i16,
    /// Its handler.
    pub handler: Handler,
    /// Lowest version that ApiVersions tells, where it is not the lowest one served.
    pub advertised_from: Option<i16>,
}

const fn row(key: i16, handler: Handler) -> Row {
    Row { key, handler, advertised_from: None }
}

/// Every API that is served, in the order of the keys. What is not here is not announced, and a
/// request for it closes the connection. Produce's row must say `advertised_from: Some(0)`: older
/// librdkafka drops compression without a word if it does not (KAFKA-18659).
pub static TABLE: &[Row] = &[row(api_key::API_VERSIONS, api_versions::handle)];

impl Row {
    /// The row of an API on listeners of this kind.
    #[must_use]
    pub fn find(key: i16, kind: ListenerKind) -> Option<&'static Self> {
        let at = TABLE.binary_search_by_key(&key, |row| row.key).ok()?;
        TABLE.get(at).filter(|row| row.api().is_some_and(|api| serves(api, kind)))
    }

    /// What the schemas say of it.
    #[must_use]
    pub fn api(&self) -> Option<&'static Api> {
        Api::by_key(self.key)
    }
}

fn serves(api: &Api, kind: ListenerKind) -> bool {
    match kind {
        ListenerKind::Broker => api.on_broker,
        ListenerKind::Controller => api.on_controller,
    }
}

/// What ApiVersions tells on listeners of this kind: key, lowest and highest version.
pub fn advertised(kind: ListenerKind) -> impl Iterator<Item = (i16, i16, i16)> {
    TABLE.iter().filter_map(move |row| {
        let api = row.api().filter(|api| serves(api, kind))?;
        Some((row.key, row.advertised_from.unwrap_or(api.min_version), api.max_version))
    })
}

/// Runs the ordered phase of a request.
pub fn dispatch(services: &Services, ctx: &Context<'_>, body: Reader<'_>) -> Handling {
    let api = ctx.api;
    let Some(row) = Row::find(api.key, ctx.kind) else {
        return Handling::Close(Refusal::NotServed { api: api.name, key: api.key });
    };
    if !(api.min_version..=api.max_version).contains(&ctx.version) {
        if api.key == api_key::API_VERSIONS {
            return api_versions::unknown_version(ctx);
        }
        let (min, max) = (api.min_version, api.max_version);
        return Handling::Close(Refusal::UnsupportedVersion {
            api: api.name,
            version: ctx.version,
            min,
            max,
        });
    }
    (row.handler)(services, ctx, body).unwrap_or_else(|error| {
        Handling::Close(Refusal::Undecodable { api: api.name, version: ctx.version, error })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::{call, services};

    #[test]
    fn the_table_is_sorted_and_known_to_the_schemas() {
        assert!(TABLE.is_sorted_by(|a, b| a.key < b.key));
        assert!(TABLE.iter().all(|row| row.api().is_some()));
    }

    #[test]
    fn what_is_not_in_the_table_closes_the_connection() {
        let close = |key, version| match call(&services(), ListenerKind::Broker, (key, version), |_| ()) {
            Handling::Close(refusal) => refusal,
            _ => panic!("answered"),
        };
        assert!(matches!(close(api_key::VOTE, 0), Refusal::NotServed { api: "Vote", .. }));
        assert!(matches!(close(api_key::API_VERSIONS, 3), Refusal::Undecodable { version: 3, .. }));
    }
}
