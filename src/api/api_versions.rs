//! ApiVersions (key 18), versions 0 to 5: what this broker speaks.
//!
//! - A version that is not known is answered as version 0 with UNSUPPORTED_VERSION and only the
//!   entry of ApiVersions itself (KIP-511).
//! - From version 3 the client's software name and version must look like names: INVALID_REQUEST.
//! - From version 5 a client may name the cluster and node that it means, both or neither; if this
//!   is another one, it is told to start over from its bootstrap servers: REBOOTSTRAP_REQUIRED
//!   (KIP-1242).
use crate::metadata::features::{
    ELR_VERSION, FEATURES, KRAFT_VERSION, METADATA_VERSION, TRANSACTION_VERSION,
};
use crate::schema::clients::api_versions_request::ApiVersionsRequest;
use crate::schema::clients::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::schema::{Api, DecodeError, ErrorCode, Reader, api_key};

use super::{Context, Handling, Services, reply, table};

/// Features whose rules are built; others are not announced, whatever level a directory has of them.
const BUILT: [&str; 4] = [METADATA_VERSION, ELR_VERSION, KRAFT_VERSION, TRANSACTION_VERSION];

/// Answers a version that is known.
pub fn handle(services: &Services, ctx: &Context<'_>, mut body: Reader<'_>) -> Result<Handling, DecodeError> {
    let request = ApiVersionsRequest::decode(&mut body, ctx.version)?;
    let error = check(services, ctx.version, &request);
    let response = if error.is_none() { full(services, ctx) } else { failure(error) };
    Ok(reply(ctx, |w| response.encode(w, ctx.version)))
}

/// Answers a version that is not known, in the version that everyone reads.
pub fn unknown_version(ctx: &Context<'_>) -> Handling {
    let mut response = failure(ErrorCode::UNSUPPORTED_VERSION);
    if let Some(api) = Api::by_key(api_key::API_VERSIONS) {
        response.api_keys.push(entry((api.key, api.min_version, api.max_version)));
    }
    let head = ctx.head().at_version(0);
    Handling::Ready(head.reply(|w| response.encode(w, 0)))
}

fn check(services: &Services, version: i16, request: &ApiVersionsRequest<'_>) -> ErrorCode {
    if version >= 3 && !(is_name(&request.client_software_name) && is_name(&request.client_software_version))
    {
        return ErrorCode::INVALID_REQUEST;
    }
    match (request.cluster_id.as_deref(), request.node_id) {
        _ if version < 5 => ErrorCode::NONE,
        (None, -1) => ErrorCode::NONE,
        (None, _) | (_, -1) => ErrorCode::INVALID_REQUEST,
        (Some(cluster), node) if cluster == &*services.cluster_id && node == services.node_id.get() => {
            ErrorCode::NONE
        }
        _ => ErrorCode::REBOOTSTRAP_REQUIRED,
    }
}

/// Letters and digits, with `-` and `.` between them (KIP-511).
fn is_name(text: &str) -> bool {
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    outer(text.chars().next())
        && outer(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn entry((api_key, min_version, max_version): (i16, i16, i16)) -> ApiVersion {
    ApiVersion { api_key, min_version, max_version, ..Default::default() }
}

fn failure(error: ErrorCode) -> ApiVersionsResponse<'static> {
    ApiVersionsResponse { error_code: error.code(), ..Default::default() }
}

fn full(services: &Services, ctx: &Context<'_>) -> ApiVersionsResponse<'static> {
    let (image, end_offset) = services.metadata.image_and_offset();
    // Before version 4 a client takes a lowest level of 0 for an error (KAFKA-17011).
    let shown = FEATURES.iter().filter(|f| BUILT.contains(&f.name) && (ctx.version >= 4 || f.min > 0));
    let finalized = image.features().iter().map(|(name, level)| (name.to_string(), *level));
    let quorum = [(KRAFT_VERSION.to_owned(), services.metadata.quorum().kraft_version)];
    let finalized = finalized.chain(quorum).filter(|(name, level)| BUILT.contains(&&**name) && *level > 0);
    ApiVersionsResponse {
        api_keys: table::advertised(ctx.kind).map(entry).collect(),
        supported_features: shown
            .map(|f| SupportedFeatureKey {
                name: f.name.into(),
                min_version: f.min,
                max_version: f.max,
                ..Default::default()
            })
            .collect(),
        finalized_features_epoch: end_offset.get().saturating_sub(1),
        finalized_features: finalized
            .map(|(name, level)| FinalizedFeatureKey {
                name: name.into(),
                min_version_level: level,
                max_version_level: level,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ListenerKind;
    use crate::api::tests::{body_of, call, services};

    fn ask(version: i16, request: &ApiVersionsRequest<'_>) -> ApiVersionsResponse<'static> {
        let services = services();
        let key = (api_key::API_VERSIONS, version);
        let bytes = body_of(call(&services, ListenerKind::Broker, key, |w| request.encode(w, version)), 4);
        let mut r = Reader::new(&bytes);
        let response = ApiVersionsResponse::decode(&mut r, version).unwrap();
        r.finish().unwrap();
        response.into_static()
    }

    fn named(name: &'static str, version: &'static str) -> ApiVersionsRequest<'static> {
        ApiVersionsRequest {
            client_software_name: name.into(),
            client_software_version: version.into(),
            ..Default::default()
        }
    }

    #[test]
    fn every_version_tells_what_the_table_holds() {
        for version in 0..=5 {
            let response = ask(version, &named("apache-kafka-java", "4.4.0"));
            assert_eq!(response.error_code, 0);
            assert_eq!(response.api_keys.len(), table::advertised(ListenerKind::Broker).count());
            assert!(response.api_keys.contains(&entry((18, 0, 5))));
            let names: Vec<_> = response.supported_features.iter().map(|f| &*f.name).collect();
            match version {
                0..=2 => assert!(names.is_empty()),
                3 => assert_eq!(names, [METADATA_VERSION]),
                _ => assert_eq!(names, [METADATA_VERSION, ELR_VERSION, KRAFT_VERSION, TRANSACTION_VERSION]),
            }
            if version >= 3 {
                let levels = response.finalized_features.iter().map(|f| (&*f.name, f.max_version_level));
                assert_eq!(
                    levels.collect::<Vec<_>>(),
                    [(ELR_VERSION, 1), (METADATA_VERSION, 30), (TRANSACTION_VERSION, 2), (KRAFT_VERSION, 1)]
                );
                assert!(response.finalized_features_epoch > 0);
            }
        }
    }

    #[test]
    fn clients_must_have_a_name() {
        let cases = [("a", "1", true), ("a-b.c", "1.0-x", true), ("", "1", false), ("a", "", false)];
        let more = [("-a", "1", false), ("a", "1.", false), ("a b", "1", false), ("ä", "1", false)];
        for (name, version, good) in cases.into_iter().chain(more) {
            let want = if good { ErrorCode::NONE } else { ErrorCode::INVALID_REQUEST };
            assert_eq!(ask(3, &named(name, version)).error_code, want.code(), "{name:?} {version:?}");
        }
        assert_eq!(ask(2, &named("", "")).error_code, 0);
    }

    #[test]
    fn a_client_that_means_another_cluster_or_node_starts_over() {
        let meant = |cluster: Option<&'static str>, node_id| ApiVersionsRequest {
            cluster_id: cluster.map(Into::into),
            node_id,
            ..named("a", "1")
        };
        let cases = [
            (None, -1, ErrorCode::NONE),
            (Some("test-cluster"), 1, ErrorCode::NONE),
            (Some("test-cluster"), 2, ErrorCode::REBOOTSTRAP_REQUIRED),
            (Some("other"), 1, ErrorCode::REBOOTSTRAP_REQUIRED),
            (Some(""), 1, ErrorCode::REBOOTSTRAP_REQUIRED),
            (Some("test-cluster"), -1, ErrorCode::INVALID_REQUEST),
            (None, 1, ErrorCode::INVALID_REQUEST),
        ];
        for (cluster, node, want) in cases {
            assert_eq!(ask(5, &meant(cluster, node)).error_code, want.code(), "{cluster:?} {node}");
        }
    }

    #[test]
    fn failures_have_the_bytes_of_a_real_broker() {
        // Seen on Kafka 4.4.0.
        let other = ApiVersionsRequest { cluster_id: Some("other".into()), node_id: 1, ..named("a", "1") };
        let cases = [(3, named("-a", "1"), [0, 42]), (5, other, [0, 129])];
        for (version, request, error) in cases {
            let key = (api_key::API_VERSIONS, version);
            let call = call(&services(), ListenerKind::Broker, key, |w| request.encode(w, version));
            assert_eq!(body_of(call, 4), [&error[..], &[1, 0, 0, 0, 0, 0]].concat());
        }
    }

    #[test]
    fn an_unknown_version_is_answered_as_version_0() {
        for version in [6, 99, -1] {
            let key = (api_key::API_VERSIONS, version);
            let bytes = body_of(call(&services(), ListenerKind::Broker, key, |_| ()), 4);
            assert_eq!(bytes, [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5], "{version}");
        }
    }
}
