//! Authorization, SASL and TLS.
use crate::config::option::{Inert, Opt, boolean, class, double, int, list, long, password, short, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    string("authorizer.class.name").default("").low().protects()
        .doc("Java class that decides who may do what. The name of Kafka's own authorizer turns on Klamm's."),
    class("principal.builder.class").default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder").medium().per_broker().inert(Inert::Java)
        .doc("Java class that makes a principal out of a connection."),
    string("security.providers").low().inert(Inert::Java)
        .doc("Java security providers to load."),
    password("delegation.token.secret.key").medium().pending()
        .doc("Secret by which delegation tokens are signed; unset turns them off."),
    long("delegation.token.expiry.check.interval.ms").default("3600000").at_least(1).low().pending()
        .doc("Interval in ms at which expired delegation tokens are removed."),
    long("delegation.token.expiry.time.ms").default("86400000").at_least(1).medium().pending()
        .doc("How long in ms a delegation token is valid before it must be renewed."),
    long("delegation.token.max.lifetime.ms").default("604800000").at_least(1).medium().pending()
        .doc("Age in ms beyond which a delegation token cannot be renewed."),
    list("sasl.enabled.mechanisms").default("GSSAPI").medium().per_broker().secure_listener()
        .doc("SASL mechanisms that listeners offer."),
    password("sasl.jaas.config").medium().per_broker().secure_listener()
        .doc("Login modules and their options, in the syntax of JAAS."),
    int("sasl.server.max.receive.size").default("524288").medium().secure_listener()
        .doc("Largest message in bytes before authentication is done."),
    class("sasl.server.callback.handler.class").medium().secure_listener()
        .doc("Java class that answers the questions of a SASL mechanism on the server."),
    class("sasl.client.callback.handler.class").medium().inert(Inert::OneBroker)
        .doc("Java class that answers the questions of a SASL mechanism on the client."),
    string("sasl.mechanism.controller.protocol").default("GSSAPI").high().inert(Inert::OneBroker)
        .doc("SASL mechanism towards controllers."),
    string("sasl.mechanism.inter.broker.protocol").default("GSSAPI").medium().per_broker().inert(Inert::OneBroker)
        .doc("SASL mechanism between brokers."),
    class("sasl.login.callback.handler.class").medium().secure_listener()
        .doc("Java class that answers the questions of the broker's own login."),
    class("sasl.login.class").medium().secure_listener()
        .doc("Java class that performs the broker's own login."),
    int("sasl.login.connect.timeout.ms").low().secure_listener()
        .doc("How long in ms connecting to the identity provider may take."),
    int("sasl.login.read.timeout.ms").low().secure_listener()
        .doc("How long in ms the identity provider may take to answer."),
    short("sasl.login.refresh.buffer.seconds").default("300").medium().per_broker().secure_listener()
        .doc("Seconds before the end of a credential at which it is renewed at the latest."),
    short("sasl.login.refresh.min.period.seconds").default("60").medium().per_broker().secure_listener()
        .doc("Shortest time in seconds between two renewals of a credential."),
    double("sasl.login.refresh.window.factor").default("0.8").medium().per_broker().secure_listener()
        .doc("Fraction of a credential's life after which it is renewed."),
    double("sasl.login.refresh.window.jitter").default("0.05").medium().per_broker().secure_listener()
        .doc("Random share, as a fraction, that is added to the time of renewal."),
    long("sasl.login.retry.backoff.ms").default("100").low().secure_listener()
        .doc("First pause in ms before a failed login is repeated."),
    long("sasl.login.retry.backoff.max.ms").default("10000").low().secure_listener()
        .doc("Longest pause in ms before a failed login is repeated."),
    string("sasl.kerberos.kinit.cmd").default("/usr/bin/kinit").medium().per_broker().secure_listener()
        .doc("Path of the `kinit` program."),
    long("sasl.kerberos.min.time.before.relogin").default("60000").medium().per_broker().secure_listener()
        .doc("Shortest time in ms between two Kerberos logins."),
    list("sasl.kerberos.principal.to.local.rules").default("DEFAULT").medium().per_broker().secure_listener()
        .doc("Rules that turn Kerberos principals into user names."),
    string("sasl.kerberos.service.name").medium().per_broker().secure_listener()
        .doc("Kerberos service name of the broker."),
    double("sasl.kerberos.ticket.renew.jitter").default("0.05").medium().per_broker().secure_listener()
        .doc("Random share, as a fraction, added to the time of a ticket's renewal."),
    double("sasl.kerberos.ticket.renew.window.factor").default("0.8").medium().per_broker().secure_listener()
        .doc("Fraction of a ticket's life after which it is renewed."),
    boolean("sasl.oauthbearer.allow.unverified.audience").default("false").medium().secure_listener()
        .doc("Accepts tokens without checking for whom they were made."),
    boolean("sasl.oauthbearer.allow.unverified.issuer").default("false").medium().secure_listener()
        .doc("Accepts tokens without checking who made them."),
    string("sasl.oauthbearer.assertion.algorithm").default("RS256").one_of_any_case(&["ES256", "RS256"]).medium().secure_listener()
        .doc("Algorithm that signs the assertion sent to the identity provider."),
    string("sasl.oauthbearer.assertion.claim.aud").medium().secure_listener()
        .doc("Audience claim of the assertion."),
    int("sasl.oauthbearer.assertion.claim.exp.seconds").default("300").between(0, 86400).low().secure_listener()
        .doc("Seconds for which the assertion is valid."),
    string("sasl.oauthbearer.assertion.claim.iss").medium().secure_listener()
        .doc("Issuer claim of the assertion."),
    boolean("sasl.oauthbearer.assertion.claim.jti.include").default("false").medium().secure_listener()
        .doc("Whether each assertion carries an id of its own."),
    int("sasl.oauthbearer.assertion.claim.nbf.seconds").default("60").between(0, 3600).low().secure_listener()
        .doc("Seconds by which the start of the assertion's validity lies in the past."),
    string("sasl.oauthbearer.assertion.claim.sub").medium().secure_listener()
        .doc("Subject claim of the assertion."),
    string("sasl.oauthbearer.assertion.file").medium().secure_listener()
        .doc("File with a ready-made assertion."),
    string("sasl.oauthbearer.assertion.private.key.file").medium().secure_listener()
        .doc("File with the key that signs the assertion, in PEM."),
    password("sasl.oauthbearer.assertion.private.key.passphrase").medium().secure_listener()
        .doc("Passphrase of the key that signs the assertion."),
    string("sasl.oauthbearer.assertion.template.file").medium().secure_listener()
        .doc("File with headers and claims for the assertion."),
    string("sasl.oauthbearer.client.credentials.client.id").medium().secure_listener()
        .doc("Client id known to the identity provider."),
    password("sasl.oauthbearer.client.credentials.client.secret").medium().secure_listener()
        .doc("Secret of the client id known to the identity provider."),
    int("sasl.oauthbearer.clock.skew.seconds").default("30").low().secure_listener()
        .doc("Seconds by which clocks may differ when a token is checked."),
    list("sasl.oauthbearer.expected.audience").default("").high().secure_listener()
        .doc("Audiences of which a token must name one."),
    string("sasl.oauthbearer.expected.issuer").high().secure_listener()
        .doc("Issuer that a token must name."),
    long("sasl.oauthbearer.jwks.endpoint.refresh.ms").default("3600000").low().secure_listener()
        .doc("Interval in ms at which the identity provider's keys are fetched anew."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms").default("100").low().secure_listener()
        .doc("First pause in ms before a failed fetch of keys is repeated."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms").default("10000").low().secure_listener()
        .doc("Longest pause in ms before a failed fetch of keys is repeated."),
    string("sasl.oauthbearer.jwks.endpoint.url").medium().secure_listener()
        .doc("Where the identity provider publishes its keys."),
    class("sasl.oauthbearer.jwt.retriever.class").default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever").medium().secure_listener()
        .doc("Java class that obtains tokens."),
    class("sasl.oauthbearer.jwt.validator.class").default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator").medium().secure_listener()
        .doc("Java class that checks tokens."),
    string("sasl.oauthbearer.scope").medium().secure_listener()
        .doc("Scope that is asked for in a token."),
    string("sasl.oauthbearer.scope.claim.name").default("scope").low().secure_listener()
        .doc("Name of the claim that holds the scope."),
    string("sasl.oauthbearer.sub.claim.name").default("sub").low().secure_listener()
        .doc("Name of the claim that holds the subject."),
    string("sasl.oauthbearer.token.endpoint.url").medium().secure_listener()
        .doc("Where tokens are obtained."),
    boolean("ssl.allow.dn.changes").default("false").low().secure_listener()
        .doc("Whether a certificate that is replaced at run time may change its distinguished name."),
    boolean("ssl.allow.san.changes").default("false").low().secure_listener()
        .doc("Whether a certificate that is replaced at run time may lose alternative names."),
    list("ssl.cipher.suites").default("").medium().per_broker().secure_listener()
        .doc("Cipher suites to offer; empty for the defaults."),
    string("ssl.client.auth").default("none").one_of(&["required", "requested", "none"]).medium().per_broker().secure_listener()
        .doc("Whether clients must (required), may (requested) or need not (none) show a certificate."),
    list("ssl.enabled.protocols").default("TLSv1.2,TLSv1.3").medium().per_broker().secure_listener()
        .doc("TLS versions to offer."),
    string("ssl.endpoint.identification.algorithm").default("https").low().per_broker().secure_listener()
        .doc("How the name in a server's certificate is checked; empty for not at all."),
    class("ssl.engine.factory.class").low().per_broker().secure_listener()
        .doc("Java class that makes TLS engines."),
    password("ssl.key.password").medium().per_broker().secure_listener()
        .doc("Password of the private key."),
    string("ssl.keymanager.algorithm").default("SunX509").medium().per_broker().secure_listener()
        .doc("Java's algorithm to pick a key."),
    password("ssl.keystore.certificate.chain").medium().per_broker().secure_listener()
        .doc("Certificate chain, in PEM, in place of a key store file."),
    password("ssl.keystore.key").medium().per_broker().secure_listener()
        .doc("Private key, in PEM, in place of a key store file."),
    string("ssl.keystore.location").medium().per_broker().secure_listener()
        .doc("File with the private key and its certificates."),
    password("ssl.keystore.password").medium().per_broker().secure_listener()
        .doc("Password of the key store file."),
    string("ssl.keystore.type").default("JKS").medium().per_broker().secure_listener()
        .doc("Format of the key store: JKS, PKCS12 or PEM."),
    string("ssl.principal.mapping.rules").default("DEFAULT").low().secure_listener()
        .doc("Rules that turn the distinguished name of a certificate into a user name."),
    string("ssl.protocol").default("TLSv1.3").medium().per_broker().secure_listener()
        .doc("TLS version that Java's context is made for."),
    string("ssl.provider").medium().per_broker().secure_listener()
        .doc("Java security provider for TLS."),
    string("ssl.secure.random.implementation").low().per_broker().secure_listener()
        .doc("Java's source of randomness for TLS."),
    string("ssl.trustmanager.algorithm").default("PKIX").medium().per_broker().secure_listener()
        .doc("Java's algorithm to judge certificates."),
    password("ssl.truststore.certificates").medium().per_broker().secure_listener()
        .doc("Trusted certificates, in PEM, in place of a trust store file."),
    string("ssl.truststore.location").medium().per_broker().secure_listener()
        .doc("File with the trusted certificates."),
    password("ssl.truststore.password").medium().per_broker().secure_listener()
        .doc("Password of the trust store file."),
    string("ssl.truststore.type").default("JKS").medium().per_broker().secure_listener()
        .doc("Format of the trust store: JKS, PKCS12 or PEM."),
];
