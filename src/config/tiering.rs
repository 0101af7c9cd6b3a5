//! Whether the options of a topic that tiers it are allowed: decided as Kafka does (KIP-405, KIP-950), but for
//! compacted topics, which Kafka does not tier and Klamm does.
use super::layers::{Layers, Overrides};
use super::option::Scope;
use super::table::find;
use super::validate::ConfigError;
use super::value::Value;

/// The local retention follows that of the whole.
const FOLLOW: i64 = -2;
/// No limit.
const FOR_EVER: i64 = -1;

/// Checks the step from `before`, the settings of a topic as they are (none for a new one), to `after`.
///
/// # Errors
/// [`ConfigError::InvalidConfig`]: tiering while it is off on the broker, a local retention beyond the whole one, one
/// that differs while uploads are off, or tiering that ends without a word about what is in the bucket.
pub fn validate_tiering(
    layers: &Layers<'_>,
    before: &Overrides,
    after: &Overrides,
) -> Result<(), ConfigError> {
    let value = |overrides: &Overrides, name: &str| layers.value(find(Scope::Topic, name)?, overrides);
    let flag = |overrides: &Overrides, name: &str| value(overrides, name) == Some(Value::Bool(true));
    let number = |name: &str| value(after, name).and_then(|v| v.as_int()).unwrap_or(FOR_EVER);
    if !flag(after, "remote.storage.enable") {
        let ends = flag(before, "remote.storage.enable");
        if ends && !flag(after, "remote.log.delete.on.disable") {
            return refuse(
                "remote.storage.enable=false says nothing about the data in the bucket: set remote.log.delete.on.disable=true \
                 with it to remove them, or keep them readable with remote.storage.enable=true and remote.log.copy.disable=true",
            );
        }
        return Ok(());
    }
    let system = find(Scope::Broker, "remote.log.storage.system.enable").and_then(|o| layers.broker_value(o));
    if system != Some(Value::Bool(true)) {
        return refuse(
            "remote.storage.enable: tiered storage is off on this broker; start it with remote.log.storage.system.enable=true",
        );
    }
    for (local, whole) in
        [("local.retention.ms", "retention.ms"), ("local.retention.bytes", "retention.bytes")]
    {
        let (kept, of) = (number(local), number(whole));
        let exceeds = of > FOR_EVER && (kept == FOR_EVER || kept > of);
        if exceeds {
            return refuse(&format!("{local} ({kept}) must not be more than {whole} ({of})"));
        }
        if flag(after, "remote.log.copy.disable") && kept != FOLLOW && kept != of {
            return refuse(&format!(
                "{local} ({kept}) must be {FOLLOW} or the same as {whole} ({of}) while remote.log.copy.disable is true"
            ));
        }
    }
    Ok(())
}

fn refuse(text: &str) -> Result<(), ConfigError> {
    Err(ConfigError::InvalidConfig(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::config::problem::Place;

    const ON: (&str, &str) = ("remote.storage.enable", "true");

    fn check(is_on: bool, before: &[(&str, &str)], after: &[(&str, &str)]) -> bool {
        let mut fixed = Settings::default();
        fixed.set("remote.log.storage.system.enable", &is_on.to_string(), Place::Override);
        let none = Overrides::new();
        let layers = Layers { fixed: &fixed, cluster: &none, broker: &none };
        let overrides = |pairs: &[(&str, &str)]| -> Overrides {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        validate_tiering(&layers, &overrides(before), &overrides(after)).is_ok()
    }

    #[test]
    fn what_kafka_refuses_is_refused() {
        let new = |more: &[(&str, &str)]| check(true, &[], &[&[ON], more].concat());
        assert!(new(&[]));
        assert!(!check(false, &[], &[ON]), "off on the broker");
        assert!(check(false, &[], &[("remote.storage.enable", "false")]));
        assert!(new(&[("cleanup.policy", "compact")]), "Klamm tiers compacted topics");
        assert!(new(&[("retention.ms", "100"), ("local.retention.ms", "100")]));
        assert!(!new(&[("retention.ms", "100"), ("local.retention.ms", "101")]));
        assert!(!new(&[("retention.ms", "100"), ("local.retention.ms", "-1")]));
        assert!(new(&[("retention.ms", "-1"), ("local.retention.ms", "-1")]));
        assert!(!new(&[("retention.bytes", "100"), ("local.retention.bytes", "101")]));
        assert!(new(&[("local.retention.bytes", "101")]), "the whole has no limit");
        let copy_off = ("remote.log.copy.disable", "true");
        assert!(new(&[copy_off]));
        assert!(!new(&[copy_off, ("local.retention.ms", "10")]));
        assert!(new(&[copy_off, ("local.retention.ms", "10"), ("retention.ms", "10")]));
        assert!(!new(&[copy_off, ("local.retention.bytes", "10")]));
    }

    #[test]
    fn tiering_ends_only_with_its_data() {
        assert!(!check(true, &[ON], &[]));
        assert!(!check(true, &[ON], &[("remote.storage.enable", "false")]));
        let away = ("remote.log.delete.on.disable", "true");
        assert!(check(true, &[ON], &[("remote.storage.enable", "false"), away]));
        assert!(check(true, &[], &[]));
    }
}
