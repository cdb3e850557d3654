//! Variables that a platform sets for a service whose name starts with `boomgate`. They are not settings.
//!
//! Kubernetes gives each container the addresses of all Services (kubernetes.io/docs/concepts/services-networking/
//! service/#environment-variables), and Docker gives it those of linked containers. These variables are ignored in
//! silence, so both their name and their value must have the platform's form. A variable that an operator could mean as
//! a setting (`BOOMGATE_SERVICE_PORT=9443`) is ignored only if the platform's other variables are set too.

use std::net::IpAddr;

use super::environment::Environment;

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Whether a platform has set this variable.
pub(super) fn has_set(name: &str, environment: &Environment) -> bool {
    let Some(value) = environment.get(name) else { return false };
    is_service_host(name, value, environment)
        || is_service_port(name, value, environment)
        || is_port_url(name, value)
        || is_part_of_port(name, value)
        || is_of_link(name, value, environment)
}

/// `X_SERVICE_HOST`, with `X_SERVICE_PORT` beside it.
fn is_service_host(name: &str, value: &str, environment: &Environment) -> bool {
    let Some(service) = name.strip_suffix("_SERVICE_HOST") else { return false };
    let port = environment.get(&format!("{service}_SERVICE_PORT"));
    is_address(value) && port.is_some_and(is_port)
}

/// `X_SERVICE_PORT` and, for a port with a name, `X_SERVICE_PORT_HTTPS`, with `X_SERVICE_HOST` beside it.
fn is_service_port(name: &str, value: &str, environment: &Environment) -> bool {
    let has_host = |service: &str| environment.get(&format!("{service}_SERVICE_HOST")).is_some_and(is_address);
    // The name of a service may itself contain these words.
    let mut services = name.match_indices("_SERVICE_PORT").filter_map(|(at, words)| {
        let (service, rest) = (name.get(..at)?, name.get(at + words.len()..)?);
        (rest.is_empty() || rest.starts_with('_')).then_some(service)
    });
    is_port(value) && services.any(has_host)
}

/// `X_PORT` and `X_PORT_8443_TCP`, both such as `tcp://10.0.0.1:8443`.
fn is_port_url(name: &str, value: &str) -> bool {
    (name.ends_with("_PORT") || parts_of_port(name).any(str::is_empty)) && is_url(value)
}

/// `X_PORT_8443_TCP_PROTO`, `X_PORT_8443_TCP_PORT`, `X_PORT_8443_TCP_ADDR`, and for a range that Docker publishes
/// `_PORT_START` and `_PORT_END`.
fn is_part_of_port(name: &str, value: &str) -> bool {
    parts_of_port(name).any(|part| match part {
        "_PROTO" => PROTOCOLS.iter().any(|protocol| protocol.eq_ignore_ascii_case(value)),
        "_PORT" | "_PORT_START" | "_PORT_END" => is_port(value),
        "_START" | "_END" => is_url(value),
        "_ADDR" => is_address(value),
        _ => false,
    })
}

/// `X_NAME`, whose value is `/THIS/ALIAS`, and `X_ENV_…`, the variables of the linked container.
fn is_of_link(name: &str, value: &str, environment: &Environment) -> bool {
    if name.ends_with("_NAME") {
        return is_link(value);
    }
    let mut links = name.match_indices("_ENV_").filter_map(|(at, _)| name.get(..at));
    links.any(|link| environment.get(&format!("{link}_NAME")).is_some_and(is_link))
}

/// The rest of the name after `X_PORT_8443_TCP`, for each way to split it: the name of a service may itself contain
/// such words.
fn parts_of_port(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices("_PORT").filter_map(|(at, words)| {
        let (port, rest) = name.get(at + words.len()..)?.strip_prefix('_')?.split_once('_')?;
        let after = PROTOCOLS.iter().find_map(|protocol| rest.strip_prefix(protocol))?;
        is_port(port).then_some(after)
    })
}

fn is_url(value: &str) -> bool {
    let Some((protocol, address)) = value.split_once("://") else { return false };
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    PROTOCOLS.iter().any(|name| name.eq_ignore_ascii_case(protocol)) && is_address(host) && is_port(port)
}

fn is_address(value: &str) -> bool {
    value.parse::<IpAddr>().is_ok()
}

fn is_port(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u16>().is_ok()
}

fn is_link(value: &str) -> bool {
    value
        .strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(container, alias)| !container.is_empty() && !alias.is_empty() && !alias.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::raw::variable;
    use super::*;

    fn not_ignored(variables: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        let environment = Environment::new(variables.iter().copied());
        variables.iter().map(|(name, _)| *name).filter(|name| !has_set(name, &environment)).collect()
    }

    #[test]
    fn a_variable_that_kubernetes_sets_for_a_service_is_no_setting() {
        for service in ["BOOMGATE", "BOOMGATE_ADMIN", "BOOMGATE_SERVICE_PORT", "BOOMGATE_PORT_80_TCP", "BOOMGATE_TLS"] {
            let name = |rest: &str| &*format!("{service}_{rest}").leak();
            for (address, url) in [("10.96.12.7", "tcp://10.96.12.7:8443"), ("fd00::7", "tcp://[fd00::7]:8443")] {
                let variables = [
                    (name("SERVICE_HOST"), address),
                    (name("SERVICE_PORT"), "8443"),
                    (name("SERVICE_PORT_HTTPS"), "8443"),
                    (name("SERVICE_PORT_OPS_METRICS"), "9464"),
                    (name("PORT"), url),
                    (name("PORT_8443_TCP"), url),
                    (name("PORT_8443_TCP_PROTO"), "tcp"),
                    (name("PORT_8443_TCP_PORT"), "8443"),
                    (name("PORT_8443_TCP_ADDR"), address),
                    (name("PORT_53_UDP"), "udp://10.96.12.7:53"),
                    (name("PORT_53_UDP_PROTO"), "udp"),
                ];
                assert_eq!(not_ignored(&variables), [""; 0], "{service}");
            }
        }
    }

    #[test]
    fn a_variable_that_docker_sets_for_a_link_is_no_setting() {
        let variables = [
            ("BOOMGATE_NAME", "/app/boomgate"),
            ("BOOMGATE_PORT", "tcp://172.17.0.5:8443"),
            ("BOOMGATE_PORT_8443_TCP", "tcp://172.17.0.5:8443"),
            ("BOOMGATE_PORT_8443_TCP_START", "tcp://172.17.0.5:8443"),
            ("BOOMGATE_PORT_8443_TCP_PORT_START", "8443"),
            ("BOOMGATE_ENV_PATH", "/bin"),
            ("BOOMGATE_ENV_RUST_VERSION", "1.89"),
            ("BOOMGATE_1_NAME", "/app_1/boomgate_1"),
            ("BOOMGATE_1_ENV_A", "b"),
        ];
        assert_eq!(not_ignored(&variables), [""; 0]);
    }

    #[test]
    fn a_variable_that_may_be_meant_as_a_setting_is_not_ignored() {
        for variables in [
            &[("BOOMGATE_PORT", "9443")][..],
            &[("BOOMGATE_PORT", "tcp://")],
            &[("BOOMGATE_PORT", "https://gate.example.com:8443")],
            &[("BOOMGATE_SERVICE_PORT", "9443")],
            &[("BOOMGATE_SERVICE_HOST", "10.0.0.1")],
            &[("BOOMGATE_SERVICE_PORT", "many"), ("BOOMGATE_OTHER", "x")],
            &[("BOOMGATE_NAME", "gate")],
            &[("BOOMGATE_ENV_LOG", "debug")],
            &[("BOOMGATE_LISTEN_PORT", "8443")],
            &[("BOOMGATE_PORT_8443", "tcp://10.0.0.1:8443")],
            &[("BOOMGATE_PORT_8443_TCP_X", "8443")],
            &[("BOOMGATE_WORKER", "2")],
        ] {
            assert_eq!(not_ignored(variables).len(), variables.len(), "{variables:?}");
        }
    }

    /// Else a setting would be ignored.
    #[test]
    fn no_setting_has_the_name_of_a_platform_s_variable() {
        let (address, url) = ("10.0.0.1", "tcp://10.0.0.1:1");
        for name in Config::keys().into_iter().map(variable) {
            for value in [address, url, "1", "tcp", "/a/b"] {
                assert!(!has_set(&name, &Environment::new([(name.as_str(), value)])), "{name}={value}");
            }
        }
    }
}
