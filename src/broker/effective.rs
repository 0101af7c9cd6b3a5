//! Which configuration is in force: the file's under what was set at run time.

use std::sync::Arc;

use crate::config::{BrokerConfig, Layers, Overrides, Settings, TopicConfig, validate_broker_overrides};
use crate::metadata::change::Site;
use crate::metadata::{ConfigResource, Image};
use crate::types::NodeId;

/// What the layers mean at one moment.
#[derive(Clone, Debug)]
pub struct Effective {
    node: NodeId,
    fixed: Arc<Settings>,
    cluster: Overrides,
    broker: Overrides,
    /// The broker's options in force.
    pub config: Arc<BrokerConfig>,
}

impl Effective {
    /// What `fixed` means under what `image` says of this node.
    #[must_use]
    pub fn new(fixed: Arc<Settings>, image: &Image, node: NodeId) -> Self {
        let layers = Site { node, settings: &fixed }.layers(image);
        let config = Arc::new(BrokerConfig::resolve(&layers));
        let (cluster, broker) = (layers.cluster.clone(), layers.broker.clone());
        Self { node, fixed, cluster, broker, config }
    }

    /// The same file under another image.
    #[must_use]
    pub fn under(&self, image: &Image) -> Self {
        Self::new(Arc::clone(&self.fixed), image, self.node)
    }

    /// Whether the image still says of this node what it said.
    #[must_use]
    pub fn holds(&self, image: &Image) -> bool {
        let configs = image.configs();
        *configs.of(&ConfigResource::cluster()) == self.cluster
            && *configs.of(&ConfigResource::broker(self.node.get())) == self.broker
    }

    /// Checks what was set at run time as a whole.
    ///
    /// # Errors
    /// A sentence about what is wrong: an option that protects and is not built.
    pub fn check(&self) -> Result<(), String> {
        let layers = Layers { fixed: &self.fixed, cluster: &self.cluster, broker: &self.broker };
        validate_broker_overrides(&layers).map_err(|error| error.to_string())
    }

    /// The options of a topic in force.
    #[must_use]
    pub fn topic(&self, image: &Image, name: &str) -> Arc<TopicConfig> {
        let layers = Site { node: self.node, settings: &self.fixed }.layers(image);
        Arc::new(TopicConfig::resolve(&layers, image.configs().of_topic(name)))
    }
}
