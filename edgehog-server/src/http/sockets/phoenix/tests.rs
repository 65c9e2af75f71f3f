use super::*;

/// What the connection is asked to do, for people. Documents come as `run CALL: document variables`.
fn spelled(actions: Vec<Action>) -> Vec<String> {
    let spell = |action| match action {
        Action::Send(text) => {
            serde_json::from_str::<Value>(&text).unwrap();
            text
        }
        Action::Run(call, it) => {
            format!("run {call}: {} {}", it.query, serde_json::to_string(&it.variables).unwrap())
        }
        Action::Stop(call) => format!("stop {call}"),
        Action::Close(code, _) => format!("close {code}"),
    };
    actions.into_iter().map(spell).collect()
}

fn joined(join_ref: &str) -> Phoenix {
    let mut phoenix = Phoenix::new(Version::Two);
    phoenix.receive(&format!(r#"[{join_ref},"1","__absinthe__:control","phx_join",{{}}]"#));
    phoenix
}

fn subscribed(phoenix: &mut Phoenix, id: &str) -> Vec<String> {
    let doc = r#"[null,"2","__absinthe__:control","doc",{"query":"subscription { x }"}]"#;
    assert_eq!(phoenix.receive(doc).len(), 1);
    spelled(phoenix.answered(phoenix.calls, Outcome::Subscribed(id.into())))
}

#[test]
fn versions_are_told_apart() {
    for (version, spelling) in [
        (None, Some(Version::One)),
        (Some("1.0.0"), Some(Version::One)),
        (Some("2.0.0"), Some(Version::Two)),
        (Some("2.1"), Some(Version::Two)),
        (Some("3.0.0"), None),
        (Some("20.0.0"), None),
        (Some("2.x"), None),
        (Some(""), None),
    ] {
        assert_eq!(Version::of(version), spelling, "{version:?}");
    }
}

/// What is answered before the control topic is joined.
#[test]
fn messages_before_the_join() {
    for (message, answers) in [
        (
            r#"["1","1","__absinthe__:control","phx_join",{}]"#,
            &[r#"["1","1","__absinthe__:control","phx_reply",{"status":"ok","response":{}}]"#][..],
        ),
        (
            r#"[null,"1","__absinthe__:control","phx_join",{}]"#,
            &[r#"[null,"1","__absinthe__:control","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (
            r#"[null,"7","phoenix","heartbeat",{}]"#,
            &[r#"[null,"7","phoenix","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (
            r#"[null,null,"phoenix","heartbeat",{}]"#,
            &[r#"[null,null,"phoenix","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (
            r#"["1","1","__absinthe__:other","phx_join",{}]"#,
            &[
                r#"["1","1","__absinthe__:other","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#,
            ],
        ),
        (
            r#"["1","1","room","phx_join",{}]"#,
            &[r#"[null,"1","room","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#],
        ),
        (
            r#"["1","2","__absinthe__:control","doc",{"query":"{ x }"}]"#,
            &[
                r#"[null,"2","__absinthe__:control","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            ],
        ),
        (
            r#"[null,"2","a \"room\"","shout",{}]"#,
            &[
                r#"[null,"2","a \"room\"","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            ],
        ),
        ("{", &["close 1002"]),
        ("{}", &["close 1002"]),
        (r#"[null,null,"phoenix","heartbeat"]"#, &["close 1002"]),
        (r#"[null,null,7,"heartbeat",{}]"#, &["close 1002"]),
    ] {
        assert_eq!(spelled(Phoenix::new(Version::Two).receive(message)), answers, "{message}");
    }
}

/// A join that named itself wants to be named; one that did not takes messages of any name.
#[test]
fn messages_name_their_join() {
    for (join, message, heard, named) in [
        ("null", "null", true, r#""1""#),
        ("null", r#""9""#, true, r#""1""#),
        (r#""5""#, r#""5""#, true, r#""5""#),
        (r#""5""#, r#""6""#, false, ""),
        (r#""5""#, "null", false, ""),
    ] {
        let mut phoenix = joined(join);
        let message =
            format!(r#"[{message},"3","__absinthe__:control","unsubscribe",{{"subscriptionId":"s"}}]"#);
        let reply = format!(
            r#"[{named},"3","__absinthe__:control","phx_reply",{{"status":"ok","response":{{"subscriptionId":"s"}}}}]"#
        );
        let expected: &[String] = if heard { &[reply] } else { &[] };
        assert_eq!(spelled(phoenix.receive(&message)), expected, "{join} {message}");
    }
}

/// Documents run with their variables, or are refused for what is wrong with the message.
#[test]
fn documents_are_run() {
    let refused = |response: &str| {
        format!(r#"["1","2","__absinthe__:control","phx_reply",{{"status":"error","response":{response}}}]"#)
    };
    let no_document = refused(r#"{"errors":[{"message":"There is no GraphQL document.","fields":[]}]}"#);
    let no_object = refused(r#"{"error":"The variables must be an object."}"#);
    for (payload, answer) in [
        (r#"{"query":"{ x }","variables":{"a":1}}"#, r#"run 1: { x } {"a":1}"#),
        (r#"{"query":"{ x }","variables":null}"#, "run 1: { x } {}"),
        (r#"{"query":"{ x }"}"#, "run 1: { x } {}"),
        (r#"{"query":"{ x }","variables":[]}"#, &no_object),
        (r#"{"query":"{ x }","variables":"{}"}"#, &no_object),
        (r#"{"query":" "}"#, &no_document),
        (r#"{"query":7}"#, &no_document),
        ("{}", &no_document),
        ("null", &no_document),
    ] {
        let message = format!(r#"[null,"2","__absinthe__:control","doc",{payload}]"#);
        assert_eq!(spelled(joined("null").receive(&message)), [answer], "{payload}");
    }
}

#[test]
fn answers_are_replies() {
    for (outcome, status, response) in [
        (Outcome::Executed(r#"{"data":{"x":1}}"#.into()), "ok", r#"{"data":{"x":1}}"#),
        (Outcome::Refused(r#"{"errors":[]}"#.into()), "error", r#"{"errors":[]}"#),
        (Outcome::Subscribed("s".into()), "ok", r#"{"subscriptionId":"s"}"#),
    ] {
        let mut phoenix = joined("null");
        phoenix.receive(r#"[null,"2","__absinthe__:control","doc",{"query":"{ x }"}]"#);
        let reply = format!(
            r#"["1","2","__absinthe__:control","phx_reply",{{"status":"{status}","response":{response}}}]"#
        );
        assert_eq!(spelled(phoenix.answered(1, outcome)), [reply]);
    }
}

/// The topic of a push is the subscription's id; nothing is pushed for one that was let go.
#[test]
fn events_are_pushed_until_the_subscription_ends() {
    let push = r#"[null,null,"s","subscription:data",{"result":{"data":{}},"subscriptionId":"s"}]"#;
    let mut phoenix = joined("null");
    subscribed(&mut phoenix, "s");
    assert_eq!(spelled(phoenix.event(1, r#"{"data":{}}"#)), [push]);
    let unsubscribe = r#"[null,"3","__absinthe__:control","unsubscribe",{"subscriptionId":"s"}]"#;
    let ok =
        r#"["1","3","__absinthe__:control","phx_reply",{"status":"ok","response":{"subscriptionId":"s"}}]"#;
    assert_eq!(spelled(phoenix.receive(unsubscribe)), ["stop 1", ok]);
    assert_eq!(spelled(phoenix.event(1, r#"{"data":{}}"#)), [""; 0]);
    assert_eq!(spelled(phoenix.receive(unsubscribe)), [ok]);
}

/// Equal subscriptions of one socket are one.
#[test]
fn an_equal_subscription_takes_the_place_of_the_first() {
    let mut phoenix = joined("null");
    subscribed(&mut phoenix, "s");
    assert_eq!(subscribed(&mut phoenix, "s")[0], "stop 1");
    assert!(phoenix.event(1, "{}").is_empty());
    assert_eq!(phoenix.event(2, "{}").len(), 1);
    phoenix.ended(2);
    assert!(phoenix.event(2, "{}").is_empty());
}

/// Leaving ends all subscriptions, also those that only begin.
#[test]
fn leaving_ends_all() {
    let mut phoenix = joined(r#""5""#);
    phoenix.receive(r#"["5","2","__absinthe__:control","doc",{"query":"subscription { x }"}]"#);
    phoenix.answered(1, Outcome::Subscribed("s".into()));
    phoenix.receive(r#"["5","3","__absinthe__:control","doc",{"query":"subscription { y }"}]"#);
    assert_eq!(
        spelled(phoenix.receive(r#"["5","4","__absinthe__:control","phx_leave",{}]"#)),
        [
            "stop 1",
            r#"["5","4","__absinthe__:control","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["5","5","__absinthe__:control","phx_close",{}]"#,
        ]
    );
    assert_eq!(spelled(phoenix.answered(2, Outcome::Subscribed("t".into()))), ["stop 2"]);
}

/// A second join ends what belonged to the first, and has a name of its own.
#[test]
fn a_second_join_takes_the_place_of_the_first() {
    let mut phoenix = joined("null");
    subscribed(&mut phoenix, "s");
    assert_eq!(
        spelled(phoenix.receive(r#"["9","9","__absinthe__:control","phx_join",{}]"#)),
        ["stop 1", r#"["9","9","__absinthe__:control","phx_reply",{"status":"ok","response":{}}]"#]
    );
    assert!(phoenix.event(1, "{}").is_empty());
    assert!(phoenix.receive(r#"["1","2","__absinthe__:control","doc",{"query":"{ x }"}]"#).is_empty());
}

#[test]
fn unknown_events_are_refused() {
    let reply = r#"["1","2","__absinthe__:control","phx_reply",{"status":"error","response":{"reason":"unmatched event"}}]"#;
    assert_eq!(spelled(joined("null").receive(r#"[null,"2","__absinthe__:control","shout",{}]"#)), [reply]);
}

/// The elder spelling: objects, which name no join.
#[test]
fn the_elder_version_speaks_in_objects() {
    let mut phoenix = Phoenix::new(Version::One);
    let join = r#"{"topic":"__absinthe__:control","event":"phx_join","payload":{},"ref":"1"}"#;
    let ok = |reference: &str, response: &str| {
        format!(
            r#"{{"topic":"__absinthe__:control","event":"phx_reply","payload":{{"status":"ok","response":{response}}},"ref":"{reference}"}}"#
        )
    };
    assert_eq!(spelled(phoenix.receive(join)), [ok("1", "{}")]);
    let doc = r#"{"topic":"__absinthe__:control","event":"doc","payload":{"query":"{ x }"},"ref":"2"}"#;
    assert_eq!(spelled(phoenix.receive(doc)), ["run 1: { x } {}"]);
    let outcome = Outcome::Subscribed("s".into());
    assert_eq!(spelled(phoenix.answered(1, outcome)), [ok("2", r#"{"subscriptionId":"s"}"#)]);
    assert_eq!(
        spelled(phoenix.event(1, "{}")),
        [
            r#"{"topic":"s","event":"subscription:data","payload":{"result":{},"subscriptionId":"s"},"ref":null}"#
        ]
    );
    assert_eq!(spelled(phoenix.receive("[]")), ["close 1002"]);
}
