use super::*;

#[test]
fn a_request_says_how_long_the_page_is() {
    let request = request("fd77::2".parse().unwrap(), 1234);
    assert!(request.contains("\r\nHost: [fd77::2]\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n"), "{request}");
    assert_eq!(requested(request.lines().next().unwrap()), Some(1234));
}

#[test]
fn what_is_no_page_is_not_answered_with_one() {
    for line in [
        "GET / HTTP/1.1",
        "POST /pages/1 HTTP/1.1",
        "GET /pages/-1 HTTP/1.1",
        "GET /pages/1048577 HTTP/1.1",
        "",
    ] {
        assert_eq!(requested(line), None, "{line}");
    }
}

#[tokio::test]
async fn a_head_ends_at_its_empty_line_and_a_conversation_between_heads() {
    let mut input = &b"GET /pages/7 HTTP/1.1\r\nHost: x\r\n\r\nbody"[..];
    assert_eq!(
        head(&mut input).await.unwrap().as_deref(),
        Some("GET /pages/7 HTTP/1.1\r\n")
    );
    assert_eq!(input, b"body");
    assert_eq!(head(&mut &b""[..]).await.unwrap(), None);
    let cut = head(&mut &b"GET /pages/7 HTTP/1.1\r\nHo"[..]).await;
    assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
