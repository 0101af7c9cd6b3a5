//! What the table says about one option, and the small words by which its lines are written.

/// Type of an option, by Kafka's names and codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// An option that the table does not know.
    Unknown = 0,
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Text, trimmed.
    String = 2,
    /// 32-bit signed number.
    Int = 3,
    /// 16-bit signed number.
    Short = 4,
    /// 64-bit signed number.
    Long = 5,
    /// 64-bit floating-point number.
    Double = 6,
    /// Texts separated by commas.
    List = 7,
    /// Name of a Java class.
    Class = 8,
    /// Text that is never shown.
    Password = 9,
}

impl Type {
    /// The code of the type in DescribeConfigs.
    #[must_use]
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// Kafka's name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What an option is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The broker: in its file, and where the update mode allows it at run time.
    Broker,
    /// The broker, at run time only.
    BrokerDynamicOnly,
    /// A topic.
    Topic,
    /// A consumer, share or streams group.
    Group,
    /// A subscription to metrics of clients.
    ClientMetrics,
    /// A user, a client id, or both.
    QuotaUserClient,
    /// An address.
    QuotaIp,
    /// A broker's replication traffic.
    QuotaBroker,
}

impl Scope {
    /// Every scope, in the order of the reference page.
    pub const ALL: [Self; 8] = [
        Self::Broker,
        Self::BrokerDynamicOnly,
        Self::Topic,
        Self::Group,
        Self::ClientMetrics,
        Self::QuotaUserClient,
        Self::QuotaIp,
        Self::QuotaBroker,
    ];

    /// A short lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::BrokerDynamicOnly => "broker-dynamic-only",
            Self::Topic => "topic",
            Self::Group => "group",
            Self::ClientMetrics => "client-metrics",
            Self::QuotaUserClient => "quota-user-client",
            Self::QuotaIp => "quota-ip",
            Self::QuotaBroker => "quota-broker",
        }
    }
}

/// How much most users need to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Look at it.
    High,
    /// Now and then.
    Medium,
    /// Rarely.
    Low,
}

impl Importance {
    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Whether and where a broker option can be altered at run time. Options of other scopes always can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Only by a restart.
    ReadOnly,
    /// On one broker.
    PerBroker,
    /// On one broker, or as the default of all.
    ClusterWide,
}

impl UpdateMode {
    /// Kafka's name of the mode.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::PerBroker => "per-broker",
            Self::ClusterWide => "cluster-wide",
        }
    }
}

/// Which values of the right type are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// All.
    Any,
    /// Whole numbers from here on.
    AtLeast(i64),
    /// Whole numbers from the first to the second, both included.
    Between(i64, i64),
    /// From 0 to this, included.
    Fraction(f64),
    /// One of these words; for a list, each of its entries.
    OneOf(&'static [&'static str]),
    /// One of these words, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// 1 to 9, or -1.
    GzipLevel,
    /// Anything but the empty text.
    NonEmpty,
    /// `*`, or `partition:node` pairs.
    ThrottledReplicas,
    /// `earliest`, `latest`, or `by_duration:` and an ISO 8601 duration that is not negative.
    OffsetReset,
}

/// Why an option has no meaning in Klamm. Such options are accepted and reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inert {
    /// It names Java classes or tunes something that only a Java process has.
    Java,
    /// It sizes a pool of threads or buffers that Klamm does not have.
    Threads,
    /// It is about the traffic between several brokers.
    OneBroker,
    /// It is about the traffic within a metadata quorum of several nodes.
    OneVoter,
    /// It cleans a waiting list; Klamm's waiters are woken and dropped one by one.
    Waiters,
    /// It exists for Kafka's own tests.
    KafkaTests,
}

impl Inert {
    /// The reason in words, fit to follow "has no effect: ".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Java => "there is no Java process here",
            Self::Threads => "Klamm sizes its threads and buffers itself",
            Self::OneBroker => "there is no traffic between brokers",
            Self::OneVoter => "the metadata quorum is this node alone",
            Self::Waiters => "waiting requests are dropped one by one, there is nothing to purge",
            Self::KafkaTests => "it only serves Kafka's own tests",
        }
    }
}

/// What an option does in Klamm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It has the effect that its doc tells.
    Active,
    /// It is accepted, shown and checked; what it governs is not built yet.
    Pending,
    /// It protects, and what it governs is not built yet: any value but the default stops the start.
    Protects,
    /// It matters only to a listener that speaks SSL or SASL, and such a listener stops the start.
    SecureListener,
    /// It never has an effect here.
    Inert(Inert),
}

/// Unit of a broker option relative to the option that falls back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The same value.
    Same,
    /// Minutes, where milliseconds are wanted.
    Minutes,
    /// Hours, where milliseconds are wanted.
    Hours,
    /// A list, of which the first entry is wanted.
    First,
}

/// Another option that gives the value where the first one is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// Name of the broker option.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
}

/// One line of the option table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opt {
    /// Kafka's name, or one that begins with `klamm.`.
    pub name: &'static str,
    /// Type of the value.
    pub kind: Type,
    /// Kafka's default as text; `None` for no value. See [`Opt::default_text`] for the one in force.
    pub kafka_default: Option<&'static str>,
    /// Whether Kafka does not start without it.
    pub required: bool,
    /// Which values are allowed.
    pub valid: Valid,
    /// What it is set on.
    pub scope: Scope,
    /// How much it matters.
    pub importance: Importance,
    /// Whether a broker option can be altered at run time.
    pub update_mode: UpdateMode,
    /// Whether Kafka hides it in DescribeConfigs unless it is set.
    pub internal: bool,
    /// Broker options that give the value where this one is unset, the first one that is set.
    pub synonyms: &'static [Synonym],
    /// What it does here.
    pub meaning: Meaning,
    /// One or two sentences for a person.
    pub doc: &'static str,
}

impl Opt {
    const fn new(name: &'static str, kind: Type) -> Self {
        Self {
            name,
            kind,
            kafka_default: None,
            required: false,
            valid: Valid::Any,
            scope: Scope::Broker,
            importance: Importance::Medium,
            update_mode: UpdateMode::ReadOnly,
            internal: false,
            synonyms: &[],
            meaning: Meaning::Active,
            doc: "",
        }
    }

    /// Whether the value is never shown.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, Type::Password)
    }

    /// The default in force, as text: Klamm's own where it differs from Kafka's.
    #[must_use]
    pub fn default_text(&self) -> Option<&'static str> {
        super::differences::own_default(self).unwrap_or(self.kafka_default)
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident $(($arg:ident: $ty:ty))? => $field:ident = $value:expr;)*) => {
        impl Opt {
            $($(#[$doc])*
            pub(super) const fn $name(mut self $(, $arg: $ty)?) -> Self {
                self.$field = $value;
                self
            })*
        }
    };
}

setters! {
    default(text: &'static str) => kafka_default = Some(text);
    required => required = true;
    scope(scope: Scope) => scope = scope;
    valid(valid: Valid) => valid = valid;
    at_least(low: i64) => valid = Valid::AtLeast(low);
    fraction(high: f64) => valid = Valid::Fraction(high);
    one_of(words: &'static [&'static str]) => valid = Valid::OneOf(words);
    one_of_any_case(words: &'static [&'static str]) => valid = Valid::OneOfAnyCase(words);
    high => importance = Importance::High;
    medium => importance = Importance::Medium;
    low => importance = Importance::Low;
    per_broker => update_mode = UpdateMode::PerBroker;
    cluster_wide => update_mode = UpdateMode::ClusterWide;
    internal => internal = true;
    synonyms(list: &'static [Synonym]) => synonyms = list;
    pending => meaning = Meaning::Pending;
    protects => meaning = Meaning::Protects;
    secure_listener => meaning = Meaning::SecureListener;
    inert(why: Inert) => meaning = Meaning::Inert(why);
    doc(text: &'static str) => doc = text;
}

impl Opt {
    pub(super) const fn between(mut self, low: i64, high: i64) -> Self {
        self.valid = Valid::Between(low, high);
        self
    }
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),*) => {
        $(pub(super) const fn $name(name: &'static str) -> Opt {
            Opt::new(name, Type::$kind)
        })*
    };
}

constructors! {
    boolean => Boolean, string => String, int => Int, short => Short, long => Long, double => Double,
    list => List, class => Class, password => Password
}

macro_rules! synonyms {
    ($($name:ident => $unit:ident),*) => {
        $(pub(super) const fn $name(name: &'static str) -> Synonym {
            Synonym { name, unit: Unit::$unit }
        })*
    };
}

synonyms! { same => Same, minutes => Minutes, hours => Hours, first => First }
