//! Settings as a parent process reads them.

use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The settings of a node with these arguments in that directory.
fn settings(arguments: &str, home: &Path) -> Result<v1::Settings, String> {
    global_args(&words(arguments), Some(&home.join(".bitcoin")))
        .map(|args| args.settings.unwrap())
        .map_err(|error| error.to_string())
}

fn of<'a>(list: &'a [v1::SettingValues], name: &str) -> Option<&'a [String]> {
    list.iter().find(|setting| setting.name == name).map(|setting| setting.values.as_slice())
}

#[test]
fn arguments_are_lists_of_json() {
    let home = tempfile::tempdir().unwrap();
    let text = "-regtest --listen=0 -wallet=a -wallet=b -noserver -nox=0 -uacomment=\"q";
    let options = settings(text, home.path()).unwrap().command_line_options;
    for (name, values) in [
        ("regtest", &["\"\""][..]),
        ("listen", &["\"0\""]),
        ("wallet", &["\"a\"", "\"b\""]),
        ("server", &["false"]),
        ("x", &["true"]),
        ("uacomment", &["\"\\\"q\""]),
    ] {
        assert_eq!(of(&options, name).unwrap(), values, "{name}");
    }
}

#[test]
fn files_of_the_data_directory_are_read() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join(".bitcoin");
    std::fs::create_dir_all(data.join("regtest")).unwrap();
    let conf = "server=1\nincludeconf=more.conf\nregtest=1\n[regtest]\nnolisten=1\n";
    std::fs::write(data.join("bitcoin.conf"), conf).unwrap();
    std::fs::write(data.join("more.conf"), "server=0\nregtest.port=1\n").unwrap();
    let json = r#"{"_warning_": "x", "prune": 550, "wallet": ["a"]}"#;
    std::fs::write(data.join("regtest/settings.json"), json).unwrap();
    let args = global_args(&[], Some(&data)).unwrap();
    assert_eq!(args.config_path, data.join("bitcoin.conf").display().to_string());
    let settings = args.settings.unwrap();
    let section = |name: &str| {
        settings.ro_config.iter().find(|section| section.section == name).unwrap().settings.clone()
    };
    assert_eq!(of(&section(""), "server").unwrap(), ["\"1\"", "\"0\""]);
    assert_eq!(of(&section("regtest"), "listen").unwrap(), ["false"]);
    assert_eq!(of(&section("regtest"), "port").unwrap(), ["\"1\""]);
    let rw: Vec<_> = settings.rw_settings.iter().map(|s| (&*s.name, &*s.value)).collect();
    assert_eq!(rw, [("prune", "550"), ("wallet", "[\"a\"]")]);
}

#[test]
fn rpc_is_served_unless_something_is_said_about_it() {
    let home = tempfile::tempdir().unwrap();
    let forced = |arguments| settings(arguments, home.path()).unwrap().forced_settings;
    let on = v1::Setting { name: "server".to_owned(), value: "\"1\"".to_owned() };
    assert_eq!(forced(""), [on]);
    assert_eq!(forced("-noserver"), []);
    assert_eq!(forced("-server=0"), []);
}

#[test]
fn directories_are_made_as_a_node_makes_them() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, directory) in [
        ("", ""),
        ("-regtest", "regtest"),
        ("-testnet", "testnet3"),
        ("-chain=testnet4", "testnet4"),
        ("-signet=1", "signet"),
    ] {
        settings(arguments, home.path()).unwrap();
        assert!(home.path().join(".bitcoin").join(directory).is_dir(), "{arguments}");
    }
    assert!(home.path().join(".bitcoin/regtest/wallets").is_dir());
}

/// Each of these a node answers with an error at its start, or dies of once it is told.
#[test]
fn what_a_node_would_not_survive_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join(".bitcoin");
    std::fs::create_dir_all(&data).unwrap();
    for (arguments, what) in [
        ("-chain=nonsense", "\"nonsense\" is not known"),
        ("-regtest -signet", "more than one"),
        ("-regtest -chain=regtest", "more than one"),
        ("-datadir=/nowhere/at/all", "/nowhere/at/all"),
        ("-conf=missing.conf", "does not exist"),
        ("-includeconf=x", "only a configuration file"),
        ("-regtest.port=1", "is no option"),
        ("stop", "is no option"),
    ] {
        let error = settings(arguments, home.path()).unwrap_err();
        assert!(error.contains(what), "{arguments}: {error}");
    }
    for (conf, what) in [
        ("chain=x", "is not known"),
        ("conf=x", "sets conf"),
        ("includeconf=missing", "does not exist"),
        ("datadir=/nowhere/at/all", "/nowhere"),
    ] {
        std::fs::write(data.join("bitcoin.conf"), conf).unwrap();
        let error = settings("", home.path()).unwrap_err();
        assert!(error.contains(what), "{conf}: {error}");
        assert!(settings("-noconf", home.path()).is_ok());
    }
    std::fs::remove_file(data.join("bitcoin.conf")).unwrap();
    std::fs::write(data.join("settings.json"), "[]").unwrap();
    assert!(settings("", home.path()).unwrap_err().contains("is no JSON object"));
    assert!(settings("-nosettings", home.path()).is_ok());
}

#[test]
fn yes_and_no_as_numbers() {
    for yes in ["", "1", " 7", "-1", "+2x", "010"] {
        assert!(is_true(yes), "{yes:?}");
    }
    for no in ["0", "00", "x", "no", "0x1", "-0"] {
        assert!(!is_true(no), "{no:?}");
    }
}
