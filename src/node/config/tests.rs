use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use super::*;

const SERVERS: &str = r#"
    [[server]]
    id = 1
    clients = "127.0.0.1:4101"
    peers = "127.0.0.1:4201"
    key = "0101010101010101010101010101010101010101010101010101010101010101"
"#;

/// A file in a folder that lives as long as it.
struct OneFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(text: &str) -> OneFile {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("node.toml");
    fs::write(&path, text).expect("writes");
    OneFile {
        _folder: folder,
        path,
    }
}

fn load(text: &str) -> Result<ServerConfig, ConfigError> {
    ServerConfig::load(&file(text).path)
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let own = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
    pairs.iter().map(own).collect()
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = load(&format!("id = 1\ndata = \"d\"\n{SERVERS}")).expect("loads");
    assert!(!config.token.on);
    assert_eq!(config.own().node(), NodeId(1));
    assert_eq!(config.others().count(), 0);
}

#[test]
fn every_field_of_a_configuration_is_a_key() {
    let server = ServerConfig {
        covers: Some("c".into()),
        ..load(&format!("id = 1\ndata = \"d\"\n{SERVERS}")).expect("loads")
    };
    let client = ClientConfig {
        name: "a".into(),
        home: Some("h".into()),
        listen: any_port(),
        local_addresses: true,
        servers: server.servers.clone(),
    };
    let names = |table: Table| {
        let mut names = BTreeSet::new();
        for (name, value) in table {
            match value {
                toml::Value::Table(below) => {
                    names.extend(below.keys().map(|key| format!("{name}.{key}")));
                }
                _ => {
                    names.insert(name);
                }
            }
        }
        names
    };
    let keys = |keys: &[Key]| keys.iter().map(|key| key.path.to_owned()).collect();
    let fields = names(Table::try_from(server).expect("writes"));
    assert_eq!(fields, keys(ServerConfig::KEYS));
    let fields = names(Table::try_from(client).expect("writes"));
    assert_eq!(fields, keys(ClientConfig::KEYS));
}

#[test]
fn a_mistake_is_named_with_line_and_column() {
    for (text, place, part) in [
        ("id = 1\ndata = \"d\"\ncolour = 3\n", ":3:1", "colour"),
        ("id = 1\n[token]\n  colour = 3\n", ":3:3", "token.colour"),
        ("id = 1\n[token]\n  on = 3\n", ":3:8", "boolean"),
        ("id = 300\n", ":1:6", "u8"),
        ("id = 1\ntoken = 3\n", ":2:1", "table"),
        ("id = 1\nid = 2\n", ":2:1", "duplicate"),
        ("[[server]]\nid = 1\nhost = \"h\"\n", ":3:1", "host"),
        (
            "[[server]]\nid = 1\nclients = \"h\"\n",
            ":3:11",
            "socket address",
        ),
        ("id = ", ":1:", ""),
    ] {
        let told = load(text).expect_err("refused").to_string();
        assert!(told.contains(place) && told.contains(part), "{told}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused_with_the_rule() {
    let cases = [
        format!("id = 2\ndata = \"d\"\n{SERVERS}"),
        format!("id = 1\ndata = \"d\"\n[token]\nhold_max_ms = 30000\n{SERVERS}"),
        format!("id = 1\ndata = \"d\"\n[work]\nwaiting_max = 0\n{SERVERS}"),
        format!("id = 1\ndata = \"d\"\n{SERVERS}{SERVERS}"),
        // Another server with the same key.
        format!(
            "id = 1\ndata = \"d\"\n{SERVERS}{}",
            SERVERS
                .replace("id = 1", "id = 2")
                .replace("127.0.0.1", "127.0.0.2")
        ),
        "id = 1\ndata = \"d\"\nserver = []\n".to_owned(),
    ];
    for text in cases {
        let error = load(&text);
        let Err(ConfigError::Rule { origin, .. }) = error else {
            panic!("{text}: {error:?}");
        };
        assert!(matches!(origin, Origin::File(_)), "{origin}");
    }
    let missing = load("id = 1\n").expect_err("refused").to_string();
    assert!(
        missing.contains("`data`") && missing.contains("PENTIMENTO_NODE__DATA"),
        "{missing}"
    );
}

#[test]
fn flags_win_over_variables_those_over_files_those_over_what_is_built_in() {
    let (below, above) = (
        file(&format!(
            "id = 1\ndata = \"user\"\n[work]\nthreads = 3\nwaiting_max = 5\n{SERVERS}"
        )),
        file("data = \"given\"\n[work]\nwaiting_max = 6\n"),
    );
    let sources = Sources {
        files: vec![below.path.clone(), above.path.clone()],
        variables: variables(&[
            ("PENTIMENTO_NODE__WORK__WAITING_MAX", "7"),
            ("PENTIMENTO_NODE__TOKEN__ON", "true"),
            ("PATH", "x"),
        ]),
        flags: vec!["token.on=false".into()],
    };
    let settings = Settings::merge::<ServerConfig>(&sources).expect("merges");
    let config: ServerConfig = settings.config().expect("fits");
    assert_eq!(config.data, PathBuf::from("given"));
    assert_eq!((config.work.threads, config.work.waiting_max), (3, 7));
    assert!(!config.token.on);
    let origin = |key: &str| settings.by_key[key].origin.to_string();
    assert_eq!(origin("token.on"), "flag --set token.on");
    assert_eq!(
        origin("work.waiting_max"),
        "env PENTIMENTO_NODE__WORK__WAITING_MAX"
    );
    assert_eq!(origin("data"), format!("{}:1:1", above.path.display()));
    assert_eq!(
        origin("work.threads"),
        format!("{}:4:1", below.path.display())
    );
    assert_eq!(origin("token.pause_ms"), "built-in");
}

#[test]
fn unknown_variables_and_flags_are_refused() {
    let own = Sources {
        variables: variables(&[("PENTIMENTO_NODE__COLOUR", "3")]),
        ..Sources::default()
    };
    let error = Settings::merge::<ServerConfig>(&own).expect_err("refused");
    assert!(error.to_string().contains("PENTIMENTO_NODE__COLOUR"));
    // A client's prefix is also that of variables which are no keys.
    let other = Sources {
        variables: variables(&[("PENTIMENTO_TIMEOUT", "3")]),
        ..Sources::default()
    };
    Settings::merge::<ClientConfig>(&other).expect("not a key, and no mistake");
    for flag in ["colour=3", "listen", "listen=x"] {
        let flags = Sources {
            flags: vec![flag.into()],
            ..Sources::default()
        };
        let error = Settings::merge::<ClientConfig>(&flags).expect_err(flag);
        assert!(error.to_string().starts_with("flag --set"), "{error}");
    }
}

#[test]
fn the_commented_files_load_once_their_keys_are_filled_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let keys = (1..=3).map(|id| (id, PublicKey([id; 32]))).collect();
    let filled = |name: &str| {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).expect("the file");
        // As it lies there it says what is missing, and where.
        let told = ServerConfig::load(&path)
            .expect_err("no keys yet")
            .to_string();
        assert!(told.contains("key") || name == "client.toml", "{told}");
        file(&fill::fill(&text, &keys).expect("fills"))
    };
    for number in 1..=3 {
        let file = filled(&format!("server-{number}.toml"));
        let config = ServerConfig::load(&file.path).expect("loads");
        assert_eq!((config.id, config.servers.len()), (number, 3));
    }
    ClientConfig::load(&filled("client.toml").path).expect("loads");
}
