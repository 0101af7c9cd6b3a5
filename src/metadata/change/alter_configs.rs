//! AlterConfigs and IncrementalAlterConfigs: each resource on its own, each all or nothing.

use super::{Decision, Rejection, Site, is_internal, topic_name};
use crate::config::{
    BrokerTarget, Layers, Overrides, Scope, append_to_list, find, subtract_from_list, validate_broker_change,
    validate_broker_dynamic, validate_client_metrics_config, validate_group_config, validate_tiering,
    validate_topic_overrides,
};
use crate::metadata::features::ELR_VERSION;
use crate::metadata::{ConfigResource, Image, ResourceKind};
use crate::schema::clients::incremental_alter_configs_request::AlterableConfig;
use crate::schema::clients::{
    alter_configs_request as full, alter_configs_response as full_reply,
    incremental_alter_configs_request as incremental,
    incremental_alter_configs_response as incremental_reply,
};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::clear_elr_record::ClearElrRecord;
use crate::schema::metadata::config_record::ConfigRecord;
use crate::schema::{ErrorCode, Str};

/// The option that decides who is an eligible leader.
const MIN_ISR: &str = "min.insync.replicas";

/// Gives all that is set afterwards.
type Change<'a> = Box<dyn Fn(&ConfigResource) -> Result<Overrides, Rejection> + 'a>;

/// What a request asks of one resource.
struct Asked<'a> {
    kind: i8,
    name: &'a str,
    /// Names of the configs.
    configs: Vec<&'a str>,
    change: Change<'a>,
}

/// What is answered for one resource.
struct Answer {
    kind: i8,
    name: Str<'static>,
    code: i16,
    message: Option<Str<'static>>,
}

/// Decides an IncrementalAlterConfigs request.
#[must_use]
pub fn incremental_alter_configs(
    image: &Image,
    request: &incremental::IncrementalAlterConfigsRequest<'_>,
    site: Site<'_>,
) -> Decision<incremental_reply::IncrementalAlterConfigsResponse<'static>> {
    let asked = request.resources.iter().map(|asked| Asked {
        kind: asked.resource_type,
        name: &asked.resource_name,
        configs: asked.configs.iter().map(|c| &*c.name).collect(),
        change: Box::new(move |resource| {
            let current = image.configs().of(resource);
            stepwise(&site.layers(image), resource, current, &asked.configs)
        }),
    });
    let (records, answers) = alter_each(image, site, asked.collect(), request.validate_only, true);
    let respond = |answer: Answer| incremental_reply::AlterConfigsResourceResponse {
        resource_type: answer.kind,
        resource_name: answer.name,
        error_code: answer.code,
        error_message: answer.message,
        ..Default::default()
    };
    let responses = answers.into_iter().map(respond).collect();
    let reply = incremental_reply::IncrementalAlterConfigsResponse { responses, ..Default::default() };
    Decision { records, reply }
}

/// Decides an AlterConfigs request: what it names replaces all that is set.
#[must_use]
pub fn alter_configs(
    image: &Image,
    request: &full::AlterConfigsRequest<'_>,
    site: Site<'_>,
) -> Decision<full_reply::AlterConfigsResponse<'static>> {
    let value = |c: &full::AlterableConfig<'_>| match &c.value {
        Some(value) => Ok((c.name.to_string(), value.to_string())),
        None => Err(null_value(&c.name)),
    };
    let asked = request.resources.iter().map(|asked| Asked {
        kind: asked.resource_type,
        name: &asked.resource_name,
        configs: asked.configs.iter().map(|c| &*c.name).collect(),
        change: Box::new(move |_| asked.configs.iter().map(value).collect()),
    });
    let (records, answers) = alter_each(image, site, asked.collect(), request.validate_only, false);
    let respond = |answer: Answer| full_reply::AlterConfigsResourceResponse {
        resource_type: answer.kind,
        resource_name: answer.name,
        error_code: answer.code,
        error_message: answer.message,
        ..Default::default()
    };
    let responses = answers.into_iter().map(respond).collect();
    Decision { records, reply: full_reply::AlterConfigsResponse { responses, ..Default::default() } }
}

/// The records of all resources that may be altered, and an answer for each. Only the newer of the two APIs
/// `knows_loggers`.
fn alter_each(
    image: &Image,
    site: Site<'_>,
    asked: Vec<Asked<'_>>,
    validate_only: bool,
    knows_loggers: bool,
) -> (Vec<MetadataRecord<'static>>, Vec<Answer>) {
    let (mut records, mut answers) = (Vec::new(), Vec::new());
    for one in &asked {
        let times = asked.iter().filter(|other| (other.kind, other.name) == (one.kind, one.name)).count();
        let altered = check_request(times, one.configs.clone()).and_then(|()| {
            let resource = ConfigResource::new(ResourceKind(one.kind), one.name);
            if resource.kind == ResourceKind::BROKER_LOGGER && !knows_loggers {
                return Err(unknown_kind(resource.kind));
            }
            alter(image, site, &resource, || (one.change)(&resource))
        });
        let (code, message) = match altered {
            Ok(changed) => {
                records.extend(changed);
                (ErrorCode::NONE, None)
            }
            Err(rejection) => (rejection.code, rejection.text()),
        };
        answers.push(Answer { kind: one.kind, name: one.name.to_owned().into(), code: code.code(), message });
    }
    if validate_only {
        records.clear();
    }
    (records, answers)
}

fn invalid_request(text: impl Into<String>) -> Rejection {
    Rejection::new(ErrorCode::INVALID_REQUEST, text)
}

fn null_value(name: &str) -> Rejection {
    invalid_request(format!("config {name} cannot be null"))
}

fn unknown_kind(kind: ResourceKind) -> Rejection {
    invalid_request(format!("configs of resource type {} cannot be altered so", kind.0))
}

/// A resource stands in a request once, and a config in a resource once.
fn check_request(times: usize, mut names: Vec<&str>) -> Result<(), Rejection> {
    if times > 1 {
        return Err(invalid_request("the request names this resource more than once"));
    }
    names.sort_unstable();
    match names.windows(2).find_map(|pair| {
        if let [a, b] = pair
            && a == b
        {
            Some(*a)
        } else {
            None
        }
    }) {
        Some(name) => Err(invalid_request(format!("the request names config {name} more than once"))),
        None => Ok(()),
    }
}

/// The records that bring a resource to the values that `change` answers.
fn alter(
    image: &Image,
    site: Site<'_>,
    resource: &ConfigResource,
    change: impl FnOnce() -> Result<Overrides, Rejection>,
) -> Result<Vec<MetadataRecord<'static>>, Rejection> {
    check_resource(image, site, resource)?;
    let after = change()?;
    let before = image.configs().of(resource);
    check_values(image, site, resource, before, &after)?;
    let mut records = difference(resource, before, &after);
    let changes_min_isr = before.get(MIN_ISR) != after.get(MIN_ISR);
    let is_cluster = *resource == ConfigResource::cluster();
    if changes_min_isr
        && image.feature(ELR_VERSION) > 0
        && (is_cluster || resource.kind == ResourceKind::TOPIC)
    {
        // Eligibility was judged by the old value; an empty name means every topic.
        let topic_name = resource.name.to_string().into();
        records.push(MetadataRecord::ClearElr(ClearElrRecord { topic_name, ..Default::default() }));
    }
    Ok(records)
}

fn check_resource(image: &Image, site: Site<'_>, resource: &ConfigResource) -> Result<(), Rejection> {
    let name = &*resource.name;
    match resource.kind {
        ResourceKind::TOPIC if name.is_empty() => Err(invalid_request("a topic's name cannot be empty")),
        ResourceKind::TOPIC => {
            topic_name::check(name)?;
            match image.topics().by_name(name) {
                Some(_) => Ok(()),
                None => {
                    let text = format!("there is no topic `{name}`");
                    Err(Rejection::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text))
                }
            }
        }
        ResourceKind::BROKER if name.is_empty() => Ok(()),
        ResourceKind::BROKER | ResourceKind::BROKER_LOGGER => match name.parse::<i32>() {
            Err(_) => Err(invalid_request(format!("a broker is named by its node id, not `{name}`"))),
            Ok(id) if id != site.node.0 => {
                Err(invalid_request(format!("this is broker {}, not {id}", site.node)))
            }
            Ok(_) if resource.kind == ResourceKind::BROKER_LOGGER => {
                let text = "this broker has no loggers that can be altered; see klamm.log.level";
                Err(Rejection::new(ErrorCode::INVALID_CONFIG, text))
            }
            Ok(_) => Ok(()),
        },
        ResourceKind::GROUP if name.is_empty() => Err(invalid_request("a group's name cannot be empty")),
        ResourceKind::CLIENT_METRICS if name.is_empty() => {
            Err(invalid_request("the name of a client-metrics subscription cannot be empty"))
        }
        ResourceKind::GROUP | ResourceKind::CLIENT_METRICS => Ok(()),
        kind => Err(unknown_kind(kind)),
    }
}

/// Applies set (0), delete (1), append (2) and subtract (3).
fn stepwise(
    layers: &Layers<'_>,
    resource: &ConfigResource,
    current: &Overrides,
    steps: &[AlterableConfig<'_>],
) -> Result<Overrides, Rejection> {
    let scope = match resource.kind {
        ResourceKind::TOPIC => Scope::Topic,
        ResourceKind::GROUP => Scope::Group,
        ResourceKind::CLIENT_METRICS => Scope::ClientMetrics,
        _ => Scope::Broker,
    };
    let mut after = current.clone();
    for step in steps {
        let name = &*step.name;
        if step.config_operation == 1 {
            after.remove(name);
            continue;
        }
        let value = step.value.as_deref().ok_or_else(|| null_value(name))?;
        let in_force = || {
            let option = find(scope, name);
            option.and_then(|option| layers.value(option, current)).map(|v| v.to_string()).unwrap_or_default()
        };
        let value = match step.config_operation {
            0 => value.to_owned(),
            2 => append_to_list(scope, name, &in_force(), value)?,
            3 => subtract_from_list(scope, name, &in_force(), value)?,
            other => return Err(invalid_request(format!("config operation {other} is not known"))),
        };
        after.insert(name.to_owned(), value);
    }
    Ok(after)
}

fn check_values(
    image: &Image,
    site: Site<'_>,
    resource: &ConfigResource,
    before: &Overrides,
    after: &Overrides,
) -> Result<(), Rejection> {
    let layers = site.layers(image);
    let new = || after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    match resource.kind {
        ResourceKind::TOPIC => {
            validate_topic_overrides(&layers, after)?;
            validate_tiering(&layers, before, after)?;
            let tiers =
                after.get("remote.storage.enable").is_some_and(|v| v.trim().eq_ignore_ascii_case("true"));
            if tiers && is_internal(&resource.name) {
                let text = format!("{} is kept by the broker itself and cannot be tiered", resource.name);
                return Err(Rejection::new(ErrorCode::INVALID_CONFIG, text));
            }
        }
        ResourceKind::GROUP => {
            for (name, value) in new() {
                validate_group_config(&layers, name, value)?;
            }
        }
        ResourceKind::CLIENT_METRICS => {
            for (name, value) in new() {
                validate_client_metrics_config(name, value)?;
            }
        }
        _ => {
            let is_cluster = resource.name.is_empty();
            check_min_isr(image, is_cluster, before, after)?;
            let target = if is_cluster { BrokerTarget::ClusterDefault } else { BrokerTarget::OneBroker };
            for (name, value) in new() {
                validate_broker_dynamic(name, value, target)?;
            }
            let changed = if is_cluster {
                Layers { cluster: after, ..layers }
            } else {
                Layers { broker: after, ..layers }
            };
            validate_broker_change(&layers, &changed)?;
        }
    }
    Ok(())
}

/// With eligible leader replicas there is one minimum ISR for all brokers, and it stays set.
fn check_min_isr(
    image: &Image,
    is_cluster: bool,
    before: &Overrides,
    after: &Overrides,
) -> Result<(), Rejection> {
    if image.feature(ELR_VERSION) == 0 || before.get(MIN_ISR) == after.get(MIN_ISR) {
        return Ok(());
    }
    let text = match (is_cluster, after.get(MIN_ISR)) {
        (true, Some(_)) => return Ok(()),
        (true, None) => "cannot be removed from the cluster's defaults",
        (false, _) => "is set for all brokers together, not for one",
    };
    Err(Rejection::new(ErrorCode::INVALID_CONFIG, format!("{MIN_ISR} {text} while {ELR_VERSION} is on")))
}

fn difference(
    resource: &ConfigResource,
    before: &Overrides,
    after: &Overrides,
) -> Vec<MetadataRecord<'static>> {
    let record = |name: &str, value: Option<&str>| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: resource.kind.0,
            resource_name: resource.name.to_string().into(),
            name: name.to_owned().into(),
            value: value.map(|v| v.to_owned().into()),
            ..Default::default()
        })
    };
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| record(name, None));
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    removed.chain(set.map(|(name, value)| record(name, Some(value)))).collect()
}
