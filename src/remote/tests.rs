//! Places by name. What they answer is tested against real servers.

use super::*;

#[test]
fn a_place_has_one_of_four_forms() {
    let parse = |text: &str| Remote::parse(text).unwrap();
    assert_eq!(parse("bundles/x.tar.gz"), Remote::File("bundles/x.tar.gz".into()));
    assert!(matches!(parse("https://h.example:8443/a/b.tar.gz"), Remote::Web(_)));
    let (bucket, key) = ("b-1".to_owned(), "a/b c.tar.gz".to_owned());
    assert_eq!(parse("s3://b-1/a/b c.tar.gz"), Remote::S3 { bucket, key });
    let oci = |reference: &str| Remote::Oci {
        host: "r.example:5000".to_owned(),
        repository: "team/clinic".to_owned(),
        reference: reference.to_owned(),
    };
    assert_eq!(parse("oci://r.example:5000/team/clinic:v1"), oci("v1"));
    let digest = format!("sha256:{}", "0a".repeat(32));
    assert_eq!(parse(&format!("oci://r.example:5000/team/clinic@{digest}")), oci(&digest));
    for bad in [
        "",
        "ftp://h/x",
        "https://",
        "https://user:secret@h/x",
        "s3://bucket",
        "s3:///key",
        "s3://b?x/key",
        "oci://h",
        "oci://h/r",
        "oci://h/R:v",
        "oci://h/r:",
        "oci://h/r@v1",
        "oci://h/r@sha256:00",
        "oci://h/a//b:v",
        "oci://u@h/r:v",
    ] {
        assert!(Remote::parse(bad).is_err(), "{bad}");
    }
    assert!(endpoint("https://s3.example.com").is_ok() && endpoint("https://s3.example.com/x").is_err());
}

#[test]
fn a_file_is_the_same_while_its_bytes_are() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "one").unwrap();
    let (from, access) = (Remote::File(file.path().into()), Access::default());
    let Found::New(bytes, tag) = get(&from, &access, None).unwrap() else { panic!("it is new") };
    assert_eq!(bytes, b"one");
    assert!(matches!(get(&from, &access, tag.as_ref()).unwrap(), Found::Same));
    std::fs::write(file.path(), "two").unwrap();
    assert!(matches!(get(&from, &access, tag.as_ref()).unwrap(), Found::New(..)));
    assert!(get(&Remote::File("/dev/zero".into()), &access, None).is_err());
}

#[test]
fn a_credential_is_one_line_and_never_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    assert_eq!(secret(file.path()).unwrap(), "s3cret");
    for text in ["", "\n", "a\nb", "caf\u{e9}"] {
        std::fs::write(file.path(), text).unwrap();
        let said = secret(file.path()).unwrap_err().to_string();
        assert!(!said.contains("caf"), "{said}");
    }
}

/// A server that answers each request with these bytes, after a while.
fn slowly(answer: &'static str, after: Duration) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                drop(io::Read::read(&mut stream, &mut [0; 1024]));
                std::thread::sleep(after);
                drop(io::Write::write_all(&mut stream, answer.as_bytes()));
            });
        }
    });
    port
}

#[test]
fn all_requests_of_a_call_have_one_time_together() {
    let round = "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let port = slowly(round, Duration::from_millis(400));
    let access = Access { timeout: Duration::from_secs(1), plain_http: true, ..Access::default() };
    let url = format!("127.0.0.1:{port}");
    for source in [format!("http://{url}/b"), format!("oci://{url}/team/clinic:v1")] {
        let failed = get(&Remote::parse(&source).unwrap(), &access, None).unwrap_err();
        assert_eq!(failed.to_string(), "it did not answer in time");
    }
}

#[test]
fn a_place_is_shown_without_what_may_be_a_secret_in_it() {
    for (written, shown) in [
        ("https://h.example:8443/a/b.tar.gz?sig=s3cret&x=/?y", "https://h.example:8443/a/b.tar.gz"),
        ("http://h?s3cret", "http://h/"),
        ("s3://b-1/a/b.tar.gz", "s3://b-1/a/b.tar.gz"),
        ("oci://r.example:5000/team/clinic:v1", "oci://r.example:5000/team/clinic:v1"),
        ("bundles/x.tar.gz", "bundles/x.tar.gz"),
    ] {
        assert_eq!(Remote::parse(written).unwrap().shown(), shown);
    }
    let digest = format!("oci://r.example/team/clinic@sha256:{}", "0a".repeat(32));
    assert_eq!(Remote::parse(&digest).unwrap().shown(), digest);
}
