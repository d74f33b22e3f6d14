//! TLS, SASL and who may do what.

use crate::config::reason::{PLUGIN, SASL, TLS};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "connections.max.reauth.ms" Long "0" { Any } ReadOnly { Refused(SASL) }
        "How long an authenticated session lasts.";
    "sasl.server.max.receive.size" Int "524288" { Any } ReadOnly { Ignored(SASL) }
        "Largest message of an authentication.";
    "security.providers" Text null { Any } ReadOnly { Refused(PLUGIN) }
        "Java security providers.";
    "principal.builder.class" Class "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder" { Any } PerBroker { Refused(PLUGIN) }
        "Plug-in that names who is connected.";
    "ssl.client.auth" Text "none" { OneOf(&["required", "requested", "none"]) } PerBroker { Refused(TLS) }
        "Whether clients must show a certificate.";
    "ssl.principal.mapping.rules" Text "DEFAULT" { Any } ReadOnly { Refused(TLS) }
        "How a certificate's name becomes a principal.";
    "ssl.allow.dn.changes" Boolean "false" { Any } ReadOnly { Refused(TLS) }
        "Whether a reloaded certificate may change its name.";
    "ssl.allow.san.changes" Boolean "false" { Any } ReadOnly { Refused(TLS) }
        "Whether a reloaded certificate may change its alternative names.";
    "ssl.protocol" Text "TLSv1.3" { Any } PerBroker { Refused(TLS) }
        "TLS version to begin with.";
    "ssl.provider" Text null { Any } PerBroker { Refused(TLS) }
        "Java provider of TLS.";
    "ssl.enabled.protocols" List "TLSv1.2,TLSv1.3" { Any } PerBroker { Refused(TLS) }
        "TLS versions that are allowed.";
    "ssl.keystore.type" Text "JKS" { Any } PerBroker { Refused(TLS) }
        "Format of the key store.";
    "ssl.keystore.location" Text null { Any } PerBroker { Refused(TLS) }
        "File of the key store.";
    "ssl.keystore.password" Password null { Any } PerBroker { Refused(TLS) }
        "Password of the key store.";
    "ssl.key.password" Password null { Any } PerBroker { Refused(TLS) }
        "Password of the private key.";
    "ssl.keystore.key" Password null { Any } PerBroker { Refused(TLS) }
        "The private key itself, in PEM.";
    "ssl.keystore.certificate.chain" Password null { Any } PerBroker { Refused(TLS) }
        "The certificates themselves, in PEM.";
    "ssl.truststore.type" Text "JKS" { Any } PerBroker { Refused(TLS) }
        "Format of the trust store.";
    "ssl.truststore.location" Text null { Any } PerBroker { Refused(TLS) }
        "File of the trust store.";
    "ssl.truststore.password" Password null { Any } PerBroker { Refused(TLS) }
        "Password of the trust store.";
    "ssl.truststore.certificates" Password null { Any } PerBroker { Refused(TLS) }
        "The trusted certificates themselves, in PEM.";
    "ssl.keymanager.algorithm" Text "SunX509" { Any } PerBroker { Refused(TLS) }
        "Java's name of the key manager.";
    "ssl.trustmanager.algorithm" Text "PKIX" { Any } PerBroker { Refused(TLS) }
        "Java's name of the trust manager.";
    "ssl.endpoint.identification.algorithm" Text "https" { Any } PerBroker { Refused(TLS) }
        "How a server's name is checked.";
    "ssl.secure.random.implementation" Text null { Any } PerBroker { Refused(TLS) }
        "Java's name of the random generator.";
    "ssl.cipher.suites" List "" { Any } PerBroker { Refused(TLS) }
        "Cipher suites that are allowed.";
    "ssl.engine.factory.class" Class null { Any } PerBroker { Refused(TLS) }
        "Plug-in that makes TLS engines.";
    "sasl.mechanism.inter.broker.protocol" Text "GSSAPI" { Any } PerBroker { Refused(SASL) }
        "SASL mechanism between brokers.";
    "sasl.enabled.mechanisms" List "GSSAPI" { Any } PerBroker { Refused(SASL) }
        "SASL mechanisms that are offered.";
    "sasl.server.callback.handler.class" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that checks credentials.";
    "sasl.kerberos.principal.to.local.rules" List "DEFAULT" { Any } PerBroker { Refused(SASL) }
        "How a Kerberos name becomes a principal.";
    "sasl.jaas.config" Password null { Any } PerBroker { Refused(SASL) }
        "Login module and its options.";
    "sasl.client.callback.handler.class" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that brings credentials.";
    "sasl.login.class" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that logs in.";
    "sasl.login.callback.handler.class" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that brings login credentials.";
    "sasl.kerberos.service.name" Text null { Any } PerBroker { Refused(SASL) }
        "Kerberos name of the service.";
    "sasl.kerberos.kinit.cmd" Text "/usr/bin/kinit" { Any } PerBroker { Refused(SASL) }
        "Path of kinit.";
    "sasl.kerberos.ticket.renew.window.factor" Double "0.8" { Any } PerBroker { Refused(SASL) }
        "When a Kerberos ticket is renewed, as a share of its life.";
    "sasl.kerberos.ticket.renew.jitter" Double "0.05" { Any } PerBroker { Refused(SASL) }
        "Random share of that time.";
    "sasl.kerberos.min.time.before.relogin" Long "60000" { Any } PerBroker { Refused(SASL) }
        "Least time between two Kerberos logins, in milliseconds.";
    "sasl.login.refresh.window.factor" Double "0.8" { Any } PerBroker { Refused(SASL) }
        "When a login is refreshed, as a share of its life.";
    "sasl.login.refresh.window.jitter" Double "0.05" { Any } PerBroker { Refused(SASL) }
        "Random share of that time.";
    "sasl.login.refresh.min.period.seconds" Short "60" { Any } PerBroker { Refused(SASL) }
        "Least time between two refreshes.";
    "sasl.login.refresh.buffer.seconds" Short "300" { Any } PerBroker { Refused(SASL) }
        "Time before the end in which a refresh is hurried.";
    "sasl.login.connect.timeout.ms" Int null { Any } ReadOnly { Refused(SASL) }
        "How long connecting to the identity provider may take.";
    "sasl.login.read.timeout.ms" Int null { Any } ReadOnly { Refused(SASL) }
        "How long the identity provider's answer may take.";
    "sasl.login.retry.backoff.max.ms" Long "10000" { Any } ReadOnly { Refused(SASL) }
        "Longest pause before a login is tried again.";
    "sasl.login.retry.backoff.ms" Long "100" { Any } ReadOnly { Refused(SASL) }
        "Pause before a login is tried again.";
    "sasl.oauthbearer.jwt.retriever.class" Class "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever" { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that fetches tokens.";
    "sasl.oauthbearer.jwt.validator.class" Class "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator" { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that checks tokens.";
    "sasl.oauthbearer.scope" Text null { Any } ReadOnly { Refused(SASL) }
        "Scope a token is asked for.";
    "sasl.oauthbearer.client.credentials.client.id" Text null { Any } ReadOnly { Refused(SASL) }
        "Client id shown to the identity provider.";
    "sasl.oauthbearer.client.credentials.client.secret" Password null { Any } ReadOnly { Refused(SASL) }
        "Client secret shown to the identity provider.";
    "sasl.oauthbearer.assertion.algorithm" Text "RS256" { AnyCaseOf(&["ES256", "RS256"]) } ReadOnly { Refused(SASL) }
        "Algorithm that signs an assertion.";
    "sasl.oauthbearer.assertion.claim.aud" Text null { Any } ReadOnly { Refused(SASL) }
        "Audience of an assertion.";
    "sasl.oauthbearer.assertion.claim.exp.seconds" Int "300" { Between(0, 86400) } ReadOnly { Refused(SASL) }
        "How long an assertion is valid.";
    "sasl.oauthbearer.assertion.claim.iss" Text null { Any } ReadOnly { Refused(SASL) }
        "Issuer of an assertion.";
    "sasl.oauthbearer.assertion.claim.jti.include" Boolean "false" { Any } ReadOnly { Refused(SASL) }
        "Whether an assertion carries a unique id.";
    "sasl.oauthbearer.assertion.claim.nbf.seconds" Int "60" { Between(0, 3600) } ReadOnly { Refused(SASL) }
        "How long before now an assertion is valid already.";
    "sasl.oauthbearer.assertion.claim.sub" Text null { Any } ReadOnly { Refused(SASL) }
        "Subject of an assertion.";
    "sasl.oauthbearer.assertion.file" Text null { Any } ReadOnly { Refused(SASL) }
        "File with a ready assertion.";
    "sasl.oauthbearer.assertion.private.key.file" Text null { Any } ReadOnly { Refused(SASL) }
        "File with the key that signs an assertion.";
    "sasl.oauthbearer.assertion.private.key.passphrase" Password null { Any } ReadOnly { Refused(SASL) }
        "Passphrase of that key.";
    "sasl.oauthbearer.assertion.template.file" Text null { Any } ReadOnly { Refused(SASL) }
        "File with further claims of an assertion.";
    "sasl.oauthbearer.scope.claim.name" Text "scope" { Any } ReadOnly { Refused(SASL) }
        "Claim that holds the scope.";
    "sasl.oauthbearer.sub.claim.name" Text "sub" { Any } ReadOnly { Refused(SASL) }
        "Claim that holds the subject.";
    "sasl.oauthbearer.token.endpoint.url" Text null { Any } ReadOnly { Refused(SASL) }
        "Where tokens are fetched.";
    "sasl.oauthbearer.jwks.endpoint.url" Text null { Any } ReadOnly { Refused(SASL) }
        "Where the keys that check tokens are fetched.";
    "sasl.oauthbearer.jwks.endpoint.refresh.ms" Long "3600000" { Any } ReadOnly { Refused(SASL) }
        "How often those keys are fetched again.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" Long "100" { Any } ReadOnly { Refused(SASL) }
        "Pause before fetching them is tried again.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" Long "10000" { Any } ReadOnly { Refused(SASL) }
        "Longest such pause.";
    "sasl.oauthbearer.clock.skew.seconds" Int "30" { Any } ReadOnly { Refused(SASL) }
        "How far clocks may differ.";
    "sasl.oauthbearer.expected.audience" List "" { Any } ReadOnly { Refused(SASL) }
        "Audiences a token must name.";
    "sasl.oauthbearer.expected.issuer" Text null { Any } ReadOnly { Refused(SASL) }
        "Issuer a token must name.";
};
