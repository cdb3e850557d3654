//! The settings, as an operator meets them: files, variables, flags, and what is said of a wrong one.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::PathBuf;
use std::time::Duration;

use boomgate::config::{Config, ConfigError, Edition, Environment, Flags, LogFormat};
use boomgate::keys::Algorithm;

/// The file that people copy.
const DOCUMENTED: &str = include_str!("../data/boomgate.toml");

/// Settings from a file of this text and these variables.
fn load(edition: Edition, file: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boomgate.toml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags { file: Some(path), ..Flags::default() };
    let place = format!("{}/", folder.path().display());
    Config::load(edition, &flags, &Environment::new(variables.iter().copied()))
        .map_err(|error| error.to_string().replace(&place, ""))
}

/// The documented file with every setting that is commented out set.
fn uncommented() -> String {
    let setting = |line: &str| {
        let (key, _) = line.strip_prefix("# ")?.split_once(" = ")?;
        key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then(|| line[2..].to_owned())
    };
    DOCUMENTED.lines().map(|line| setting(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// The keys of a table and of those in it, with dots.
fn keys_of(table: &toml::Table) -> Vec<String> {
    let below = |(name, value): (&String, &toml::Value)| match value.as_table() {
        Some(table) => keys_of(table).into_iter().map(|key| format!("{name}.{key}")).collect(),
        None => vec![name.clone()],
    };
    table.iter().flat_map(below).collect()
}

#[test]
fn the_documented_file_says_what_the_defaults_are() {
    for edition in [Edition::Serve, Edition::Sandbox] {
        assert_eq!(load(edition, DOCUMENTED, &[]).unwrap(), Config::defaults(edition));
    }
}

#[test]
fn the_documented_file_has_every_setting_and_no_other() {
    load(Edition::Serve, &uncommented(), &[]).unwrap();
    let documented: toml::Table = uncommented().parse().unwrap();
    let mut keys = keys_of(&documented);
    keys.sort();
    assert_eq!(keys, Config::keys().into_iter().collect::<Vec<_>>());
}

#[test]
fn the_page_of_settings_has_every_setting() {
    let page = include_str!("../docs/settings.md");
    for key in Config::keys() {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn a_flag_counts_over_a_variable_and_a_variable_over_the_file() {
    let file = "listen = ['127.0.0.1:1']\ndata_dir = 'file'\nworkers = 2\n[token_endpoint]\nburst = 30\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, file).unwrap();
    let variables = [
        ("BOOMGATE_CONFIG", path.to_str().unwrap()),
        ("BOOMGATE_LISTEN", "127.0.0.1:2, localhost:3"),
        ("BOOMGATE_DATA_DIR", "variable"),
        ("BOOMGATE_TOKEN_ENDPOINT__BURST", "40"),
        ("BOOMGATE_CLIENT_DEFAULTS__DAILY_QUOTA", "unlimited"),
        ("BOOMGATE_CLIENT_ID", "not-a-setting"),
        ("BOOMGATE_CLIENT_SECRET", "not-a-setting"),
        ("BOOMGATE_ISSUER", ""),
        ("PATH", "/bin"),
    ];
    let environment = Environment::new(variables);
    let by_variables = Config::load(Edition::Serve, &Flags::default(), &environment).unwrap();
    let listen = ["127.0.0.1:2", "127.0.0.1:3", "[::1]:3"].map(|address| address.parse().unwrap());
    assert_eq!(by_variables.listen, listen);
    assert_eq!(by_variables.data_dir, PathBuf::from("variable"));
    assert_eq!((by_variables.workers, by_variables.token_endpoint.burst), (2, 40));
    assert_eq!(by_variables.client_defaults.daily_quota, None);
    assert_eq!(by_variables.issuer, None, "an empty variable is as good as none");

    let flags = Flags { listen: vec!["[::1]:0".to_owned()], data_dir: Some(PathBuf::from("flag")), ..Flags::default() };
    let by_flags = Config::load(Edition::Serve, &flags, &environment).unwrap();
    assert_eq!(by_flags.listen, ["[::1]:0".parse().unwrap()]);
    assert_eq!(by_flags.data_dir, PathBuf::from("flag"));
}

#[test]
fn every_setting_arrives_where_it_is_read() {
    let file = "
        listen = ['0.0.0.0:443']
        http_listen = '0.0.0.0:80'
        ops_listen = '127.0.0.1:9464'
        issuer = 'https://gate.example.com'
        audiences = ['parking', 'admin.api.boomgate', 'billing']
        default_audience = 'billing'
        scopes = ['read:bills']
        signing_algorithm = 'EdDSA'
        key_rotation_days = 0
        store_close_timeout_s = 60
        allow_debugging = true
        sample_zones = true
        console = false
        static_dir = 'static'
        cors_origins = ['https://app.example.com', 'http://localhost:5173']
        [client_defaults]
        daily_quota = 'unlimited'
        token_ttl = 86400
        [tls]
        certificate = 'chain.pem'
        private_key = 'key.pem'
        names = ['*.example.com', '192.0.2.1']
        [http]
        keep_alive_s = 5
        [log]
        format = 'pretty'
        level = 'warn,boomgate=debug'
        access = true
    ";
    let config = load(Edition::Serve, file, &[]).unwrap();
    assert_eq!(config.ops_listen, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(config.http_listen, Some("0.0.0.0:80".parse().unwrap()));
    assert_eq!(config.issuer.as_deref(), Some("https://gate.example.com"));
    assert_eq!(config.audiences, ["parking", "billing", "admin.api.boomgate"]);
    assert_eq!(config.default_audience.as_deref(), Some("billing"));
    assert_eq!(config.scopes.iter().collect::<Vec<_>>(), ["introspect", "read:admin", "read:bills", "write:admin"]);
    assert_eq!((config.signing_algorithm, config.key_rotation_days), (Algorithm::EdDsa, 0));
    assert_eq!(config.store_close_timeout, Duration::from_secs(60));
    assert!(config.allow_debugging && config.sample_zones && !config.console);
    assert_eq!(config.static_dir, Some(PathBuf::from("static")));
    assert_eq!(config.cors_origins, ["https://app.example.com", "http://localhost:5173"]);
    assert_eq!((config.client_defaults.daily_quota, config.client_defaults.token_ttl_s), (None, 86_400));
    assert_eq!(config.tls.files.unwrap().private_key, PathBuf::from("key.pem"));
    assert_eq!(config.tls.names, ["*.example.com", "192.0.2.1"]);
    assert_eq!(config.http.keep_alive, Duration::from_secs(5));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Pretty, "warn,boomgate=debug"));
    assert!(config.log.access);
}

#[test]
fn a_rate_may_be_below_one_in_a_file_and_in_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let rate = |written: &str, variable: &str| {
        std::fs::write(&path, format!("[client_defaults]\nrequests_per_second = {written}\n")).unwrap();
        let variables = [("BOOMGATE_CLIENT_DEFAULTS__REQUESTS_PER_SECOND", variable)];
        let flags = Flags { file: Some(path.clone()), ..Flags::default() };
        let config = Config::load(Edition::Serve, &flags, &Environment::new(variables));
        config.map(|config| config.client_defaults.requests_per_second.to_string()).map_err(|fault| fault.to_string())
    };
    for (written, variable, expected) in
        [("0.5", "", "0.5"), ("10", "", "10"), ("2.0", "", "2"), ("1", "0.25", "0.25"), ("1", "1e1", "10")]
    {
        assert_eq!(rate(written, variable).as_deref(), Ok(expected));
    }
    for (written, variable) in [("0", ""), ("0.0001", ""), ("'0.5'", ""), ("1", "slow"), ("-1", "")] {
        let fault = rate(written, variable).unwrap_err();
        assert!(fault.contains("must be a number from 0.001 to 1000000"), "{fault}");
    }
}

#[test]
fn all_faults_are_reported_at_once_each_with_its_place() {
    let file = "worker = 2
data_dir = 7
[token_endpoint]
burst = 0
requests_per_seconds = 5
[client_defaults]
token_ttl = 1.5
daily_quota = 'none'
[tls]
certificate = 'chain.pem'
";
    let variables = [("BOOMGATE_WORKERS", "many"), ("BOOMGATE_TOKEN_ENDPOINT_BURST", "3"), ("BOOMGATE_XYZZY", "")];
    assert_eq!(
        load(Edition::Serve, file, &variables).unwrap_err(),
        "9 settings are wrong\n  \
         boomgate.toml:1: worker is not a setting; did you mean workers?\n  \
         boomgate.toml:2: data_dir must be the path of a folder, not 7\n  \
         boomgate.toml:4: token_endpoint.burst must be a whole number from 1 to 1000000, not 0\n  \
         boomgate.toml:5: token_endpoint.requests_per_seconds is not a setting; \
         did you mean token_endpoint.requests_per_second?\n  \
         boomgate.toml:7: client_defaults.token_ttl must be a whole number from 3600 to 86400, \
         not a number with a fraction\n  \
         boomgate.toml:8: client_defaults.daily_quota must be a whole number from 1 to 100000000000, \
         or \"unlimited\", not \"none\"\n  \
         boomgate.toml:10: tls.certificate needs tls.private_key beside it\n  \
         BOOMGATE_TOKEN_ENDPOINT_BURST: token_endpoint_burst is not a setting; \
         did you mean BOOMGATE_TOKEN_ENDPOINT__BURST?\n  \
         BOOMGATE_WORKERS: workers must be a whole number from 0 to 512, not \"many\""
    );
}

#[test]
fn one_fault_is_one_line() {
    for (file, line) in [
        (
            "listen = []",
            "1: listen must have at least one member: an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443",
        ),
        (
            "listen = 8443",
            "1: listen must be a list, each member an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443, not 8443",
        ),
        (
            "listen = ['gate:8443']",
            "1: listen must be an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443, not \"gate:8443\"",
        ),
        ("listen = ['[::1]:1', '[::1]:1']", "1: listen names [::1]:1 twice"),
        (
            "http_listen = '[::1]:8443'",
            "1: http_listen must not be [::1]:8443, which listen has: plain HTTP is refused there too",
        ),
        (
            "ops_listen = '127.0.0.1:8443'",
            "1: ops_listen must not be 127.0.0.1:8443, which listen has: metrics need a port of their own",
        ),
        (
            "http_listen = '[::1]:80'\nops_listen = '[::1]:80'",
            "2: ops_listen must not be [::1]:80, which http_listen has: metrics need a port of their own",
        ),
        ("ops_listen = 'here'", "1: ops_listen must be an address and a port such as 127.0.0.1:9464, not \"here\""),
        ("log.access = 'yes'", "1: log.access must be true or false, not \"yes\""),
        (
            "issuer = 'https://a.example/'",
            "1: issuer must be https://HOST or https://HOST:PORT, with nothing after it, not \"https://a.example/\"",
        ),
        (
            "\nissuer = 'http://a.example'",
            "2: issuer must be https://HOST or https://HOST:PORT, with nothing after it, not \"http://a.example\"",
        ),
        ("audiences = ['admin.api.boomgate']", "1: audiences must name an API set beside admin.api.boomgate"),
        (
            "default_audience = 'x'",
            "1: default_audience must be one of: public.api.passportinc.com, admin.api.boomgate",
        ),
        (
            "scopes = ['read:zones write:zones']",
            "1: scopes must be one scope token such as read:zones (RFC 6749 section 3.3), not \"read:zones write:zones\"",
        ),
        (
            "scopes = [1]",
            "1: scopes must be a list, each member one scope token such as read:zones (RFC 6749 section 3.3), not a list with a member that is no string",
        ),
        ("signing_algorithm = 'RS256'", "1: signing_algorithm must be \"ES256\" or \"EdDSA\", not \"RS256\""),
        ("key_rotation_days = -1", "1: key_rotation_days must be a whole number from 0 to 3650, not -1"),
        ("sample_zones = 'yes'", "1: sample_zones must be true or false, not \"yes\""),
        (
            "cors_origins = ['https://a.example/']",
            "1: cors_origins must be an origin as browsers send it, such as \"https://app.example.com\" or \"http://localhost:5173\": in lower case, without a default port, and with no path or / at its end; or \"*\" alone, for every origin, not \"https://a.example/\"",
        ),
        (
            "cors_origins = ['*', 'https://a.example']",
            "1: cors_origins names \"*\" beside other origins: it stands alone, and allows every origin",
        ),
        ("workers = -1", "1: workers must be a whole number from 0 to 512, not -1"),
        ("workers = 99999999999999999999", "1: workers must be a whole number from 0 to 512, not 99999999999999999999"),
        ("workers = '2'", "1: workers must be a whole number from 0 to 512, not \"2\""),
        ("workers = 2026-01-01", "1: workers must be a whole number from 0 to 512, not a time"),
        ("log.format = 'xml'", "1: log.format must be \"pretty\" or \"json\", not \"xml\""),
        (
            "log.level = 'boomgate=loud'",
            "1: log.level must be a level such as info, or directives such as info,boomgate=debug, not \"boomgate=loud\"",
        ),
        ("[tls]\nnames = ['not a name']", "2: tls.names must be a host name or an IP address, not \"not a name\""),
        ("log = 'info'", "1: log must be a table: [log]"),
        ("something_else = 1", "1: something_else is not a setting; data/boomgate.toml in the source lists them all"),
        ("\n\nworkers = = 2", "3: not TOML: extra `=`, expected nothing"),
    ] {
        assert_eq!(load(Edition::Serve, file, &[]).unwrap_err(), format!("boomgate.toml:{line}"), "{file}");
    }
}

#[test]
fn what_the_server_would_read_as_something_else_is_a_fault() {
    for (file, line) in [
        ("listen = ['[::1]:0', '[::1]:0']", "1: listen names [::1]:0 twice"),
        ("listen = ['[::1]:1', '[::1]:0']", "1: listen names [::1]:0 twice"),
        (
            "listen = ['0.0.0.0:1', '127.0.0.1:1']",
            "1: listen names 127.0.0.1:1 beside 0.0.0.0:1, which is all addresses: leave out 127.0.0.1:1",
        ),
        (
            "listen = ['0.0.0.0:1', '[::]:1']",
            "1: listen names 0.0.0.0:1 beside [::]:1, which is all addresses, of IPv4 too: leave out 0.0.0.0:1",
        ),
        (
            "listen = ['localhost:+1']",
            "1: listen must be an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443, not \"localhost:+1\"",
        ),
        (
            "listen = ['0.0.0.0:1']\nhttp_listen = '127.0.0.1:1'",
            "2: http_listen must not be 127.0.0.1:1, which listen, with 0.0.0.0:1, has: plain HTTP is refused there too",
        ),
        ("audiences = ['a', 'b', 'a']", "1: audiences names a twice"),
        (
            "data_dir = '~/boom'",
            "1: data_dir \"~/boom\" begins with ~, which only a shell reads as a home folder: write the path in full (or \
             ./~ if that is the name)",
        ),
        (
            "clients_file = '$HOME/clients.toml'",
            "1: clients_file \"$HOME/clients.toml\" has a variable in it, which only a shell replaces: write the path in full",
        ),
        (
            "[tls]\ncertificate = 'file:///etc/chain.pem'\nprivate_key = '/etc/key.pem'",
            "2: tls.certificate \"file:///etc/chain.pem\" is a URL: write the path in full, without what is before it",
        ),
        (
            "log.level = 'wran'",
            "1: log.level must be a level such as info, or directives such as info,boomgate=debug, not \"wran\"",
        ),
    ] {
        assert_eq!(load(Edition::Serve, file, &[]).unwrap_err(), format!("boomgate.toml:{line}"), "{file}");
    }
}

#[test]
fn the_text_of_a_wrong_setting_cannot_move_a_terminal() {
    let error = load(Edition::Serve, "issuer = \"\\u001b[2J\"\n\"\\u001b\" = 1", &[]).unwrap_err();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn an_issuer_is_an_origin() {
    for good in [
        "https://a.example",
        "https://a.example:8443",
        "https://127.0.0.1:1",
        "https://[::1]",
        "https://[::1]:1",
        "https://my_service",
    ] {
        assert!(load(Edition::Serve, &format!("issuer = '{good}'"), &[]).is_ok(), "{good}");
    }
    for bad in [
        "",
        "https://",
        "https://:1",
        "https://a:0",
        "https://a:x",
        "https://a:65536",
        "https://u@a",
        "https://a?q",
        "https://a#f",
        "https://*.a",
        "https://a b",
        "https://a:+8443",
        "https://a:08443",
        "https://a:",
        "https://a:1:2",
        "https://::1",
        "https://[127.0.0.1]",
        "https://[a]",
        "https://[::1]x",
        "https://[::1]x:1",
        "https://256.1.1.1",
    ] {
        assert!(load(Edition::Serve, &format!("issuer = '{bad}'"), &[]).is_err(), "{bad}");
    }
}

#[test]
fn the_sandbox_listens_on_loopback_only() {
    let refused = "boomgate.toml:1: listen must not be 0.0.0.0:8443: the sandbox has demo clients with \
                   published secrets, so it listens on loopback addresses only; use 127.0.0.1:8443, or `boomgate \
                   serve` for other machines";
    assert_eq!(load(Edition::Sandbox, "listen = ['0.0.0.0:8443']", &[]).unwrap_err(), refused);
    for file in
        ["listen = ['[::]:1']", "listen = ['192.0.2.1:1']", "http_listen = '0.0.0.0:1'", "ops_listen = '[::]:1'"]
    {
        assert!(load(Edition::Sandbox, file, &[]).is_err(), "{file}");
        assert!(load(Edition::Serve, file, &[]).is_ok(), "{file}");
    }
}

#[test]
fn short_tokens_are_for_the_sandbox() {
    let file = "client_defaults.token_ttl = 1";
    assert_eq!(load(Edition::Sandbox, file, &[]).unwrap().client_defaults.token_ttl_s, 1);
    assert!(load(Edition::Serve, file, &[]).is_err());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags { file: Some(PathBuf::from("/nowhere/boomgate.toml")), ..Flags::default() };
    let error = Config::load(Edition::Serve, &flags, &Environment::new([])).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    assert_eq!(
        error.to_string(),
        "cannot read the settings in /nowhere/boomgate.toml: No such file or directory (os error 2); \
         name another file with --config or BOOMGATE_CONFIG"
    );
}

#[test]
fn what_kubernetes_sets_for_a_service_named_boomgate_is_ignored_and_a_misspelt_setting_is_not() {
    let of_kubernetes = [
        ("BOOMGATE_PORT", "tcp://10.96.12.7:8443"),
        ("BOOMGATE_SERVICE_HOST", "10.96.12.7"),
        ("BOOMGATE_SERVICE_PORT", "8443"),
        ("BOOMGATE_SERVICE_PORT_HTTPS", "8443"),
        ("BOOMGATE_PORT_8443_TCP", "tcp://10.96.12.7:8443"),
        ("BOOMGATE_PORT_8443_TCP_PROTO", "tcp"),
        ("BOOMGATE_PORT_8443_TCP_PORT", "8443"),
        ("BOOMGATE_PORT_8443_TCP_ADDR", "10.96.12.7"),
        ("BOOMGATE_ADMIN_SERVICE_HOST", "10.96.12.8"),
        ("BOOMGATE_ADMIN_SERVICE_PORT", "443"),
        ("BOOMGATE_ADMIN_PORT", "tcp://10.96.12.8:443"),
    ];
    let with = |more: &[(&str, &str)]| load(Edition::Serve, "", &[&of_kubernetes, more].concat());
    assert_eq!(with(&[]).unwrap(), Config::defaults(Edition::Serve));
    assert_eq!(with(&[("BOOMGATE_WORKERS", "3")]).unwrap().workers, 3);
    assert_eq!(
        with(&[("BOOMGATE_WORKER", "3")]).unwrap_err(),
        "BOOMGATE_WORKER: worker is not a setting; did you mean BOOMGATE_WORKERS?"
    );
    for meant in [("BOOMGATE_PORT", "9443"), ("BOOMGATE_SERVICE_PORT", "9443"), ("BOOMGATE_NAME", "gate")] {
        assert!(load(Edition::Serve, "", &[meant]).unwrap_err().contains("is not a setting"), "{meant:?}");
    }
    // What is misspelt in the file is not forgiven for a platform's variable of that name.
    assert_eq!(
        load(Edition::Serve, "port = 9443", &of_kubernetes).unwrap_err(),
        "boomgate.toml:1: port is not a setting; data/boomgate.toml in the source lists them all"
    );
}

#[test]
fn blanks_around_a_variable_are_no_part_of_it() {
    let variables = [
        ("BOOMGATE_DATA_DIR", " /srv/boomgate\r"),
        ("BOOMGATE_AUDIENCES", "one , two\r\n"),
        ("BOOMGATE_ISSUER", "https://gate.example.com\n"),
        ("BOOMGATE_LOG__ACCESS", "true "),
        ("BOOMGATE_LOG__LEVEL", "info, boomgate=debug"),
        ("BOOMGATE_WORKERS", " "),
    ];
    let config = load(Edition::Serve, "", &variables).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/srv/boomgate"));
    assert_eq!(config.audiences, ["one", "two", "admin.api.boomgate"]);
    assert_eq!(config.issuer.as_deref(), Some("https://gate.example.com"));
    assert!(config.log.access);
    assert_eq!(config.log.level, "info,boomgate=debug");
    assert!(load(Edition::Serve, "", &[("BOOMGATE_AUDIENCES", "one,,two")]).is_err(), "a name is missing");
    // Docker's `--env-file` takes quotation marks for a part of the value.
    assert!(load(Edition::Serve, "", &[("BOOMGATE_DATA_DIR", "\"/srv/boomgate\"")]).is_err());
}

#[test]
fn combinations_that_are_hardly_ever_intended_are_warnings() {
    for (file, says) in [
        (
            "listen = ['0.0.0.0:8443']",
            "Set issuer to the address that clients call, such as \"https://gate.example.com:8443\", and tls.names",
        ),
        ("listen = ['[::]:443']", "such as \"https://gate.example.com\", and tls.names"),
        ("listen = ['127.0.0.1:8443', '192.0.2.1:8443']", "listen answers other machines at 192.0.2.1:8443"),
        ("listen = ['127.0.0.1:0']", "listen has port 0"),
        (
            "issuer = 'https://gate.example.com:443'",
            "many clients write that as https://gate.example.com and then refuse",
        ),
        ("issuer = 'https://Gate.example.com'", "many clients write that as https://gate.example.com and then refuse"),
        (
            "ops_listen = '0.0.0.0:9464'",
            "ops_listen answers /metrics without a token to every caller that can reach 0.0.0.0:9464",
        ),
        ("ops_listen = '192.0.2.1:9464'", "ops_listen answers"),
        ("cors_origins = ['*']", "cors_origins is \"*\": a page of any site"),
        ("[tls]\ncertificate = 'a'\nprivate_key = 'b'\nnames = ['a.example']", "tls.names has no effect"),
        ("http.hsts_max_age_s = 60", "http.hsts_max_age_s has no effect"),
    ] {
        let warnings = load(Edition::Serve, file, &[]).unwrap().warnings();
        assert!(matches!(&warnings[..], [only] if only.contains(says)), "{file}: {warnings:?}");
    }
    for file in [
        "",
        "listen = ['0.0.0.0:8443']\nissuer = 'https://gate.example.com:8443'",
        "issuer = 'https://gate.example.com'\nhttp.hsts_max_age_s = 60",
        "cors_origins = ['https://app.example.com']",
        "ops_listen = '10.0.0.1:9464'",
        "ops_listen = '[fd00::1]:9464'",
        "http.hsts_max_age_s = 0",
    ] {
        assert_eq!(load(Edition::Serve, file, &[]).unwrap().warnings(), [""; 0], "{file}");
    }
}
