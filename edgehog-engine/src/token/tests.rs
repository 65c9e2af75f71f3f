use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA256_FIXED_SIGNING,
    ECDSA_P521_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use proptest::prelude::*;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    SignatureAlgorithm,
};

use super::*;

const RSA: &str = include_str!("../../../fixtures/keys/rsa-2048.pem");
const RSA_PUBLIC: &str = include_str!("../../../fixtures/keys/rsa-2048.pub.pem");

/// What else a token may call its algorithm.
const NEVER: [&str; 8] = ["none", "None", "", "HS256", "HS384", "HS512", "EdDSA", "es256"];

fn ec(curve: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(curve).unwrap()
}

fn verifier(key: &KeyPair) -> VerifyingKey {
    VerifyingKey::from_pem(&key.public_key_pem()).unwrap()
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn sign_ec(key: &KeyPair, algorithm: &'static EcdsaSigningAlgorithm, message: &[u8]) -> Vec<u8> {
    let key = EcdsaKeyPair::from_pkcs8(algorithm, key.serialized_der()).unwrap();
    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn sign_rsa(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(pem::parse(RSA).unwrap().contents()).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

/// A token that the key signed with its own algorithm, whatever the token calls it.
fn called(name: &str, key: &KeyPair, algorithm: &'static EcdsaSigningAlgorithm) -> String {
    let claims = json!({ TENANT_CLAIM: "*" });
    token(&json!({ "alg": name }), &claims, |message| sign_ec(key, algorithm, message))
}

/// A curve has one algorithm. A token that is called otherwise is refused, also where the key could sign so.
#[test]
fn a_curve_has_one_algorithm() {
    for (curve, algorithm, fitting) in [
        (&PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
        (&PKCS_ECDSA_P384_SHA384, &ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
        (&PKCS_ECDSA_P521_SHA512, &ECDSA_P521_SHA512_FIXED_SIGNING, "ES512"),
    ] {
        let (key, other) = (ec(curve), ec(curve));
        let verifier = verifier(&key);
        verifier.verify_tenant_token(&called(fitting, &key, algorithm)).unwrap();
        let foreign = verifier.verify_tenant_token(&called(fitting, &other, algorithm));
        assert!(matches!(foreign, Err(TokenError::Signature)), "{fitting} {foreign:?}");
        for name in ALGORITHMS.iter().map(|(name, _)| *name).chain(NEVER).filter(|name| *name != fitting) {
            let outcome = verifier.verify_tenant_token(&called(name, &key, algorithm));
            assert!(matches!(outcome, Err(TokenError::Algorithm(_))), "{fitting} {name} {outcome:?}");
        }
    }
    let key = ec(&PKCS_ECDSA_P521_SHA512);
    for (name, algorithm) in
        [("ES256", &ECDSA_P521_SHA256_FIXED_SIGNING), ("ES384", &ECDSA_P521_SHA384_FIXED_SIGNING)]
    {
        let outcome = verifier(&key).verify_tenant_token(&called(name, &key, algorithm));
        assert!(matches!(outcome, Err(TokenError::Algorithm(_))), "{name} {outcome:?}");
    }
}

/// An RSA key has six algorithms, each verified as what it is called, and no others.
#[test]
fn rsa_has_six_algorithms() {
    let verifier = VerifyingKey::from_pem(RSA_PUBLIC).unwrap();
    let encodings: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    for name in ALGORITHMS.iter().map(|(name, _)| *name).chain(NEVER) {
        for (made_as, encoding) in encodings {
            let (header, claims) = (json!({ "alg": name }), json!({ TENANT_CLAIM: "*" }));
            let token = token(&header, &claims, |message| sign_rsa(encoding, message));
            let outcome = verifier.verify_tenant_token(&token);
            match outcome {
                Ok(()) => assert_eq!(name, made_as),
                Err(TokenError::Signature) => assert!(name != made_as && name.ends_with(['6', '4', '2'])),
                Err(TokenError::Algorithm(_)) => assert!(!encodings.iter().any(|(it, _)| *it == name)),
                Err(_) => panic!("{name} {made_as} {outcome:?}"),
            }
        }
    }
}

/// The public key is public: as a shared secret, or without any signature, it opens nothing.
#[test]
fn nothing_is_signed_with_what_everybody_knows() {
    let key = ec(&PKCS_ECDSA_P256_SHA256);
    let claims = json!({ TENANT_CLAIM: "*" });
    let pem = key.public_key_pem();
    for secret in [pem.as_bytes(), key.public_key_raw()] {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        for name in ["HS256", "ES256"] {
            let token =
                token(&json!({ "alg": name }), &claims, |it| hmac::sign(&secret, it).as_ref().to_vec());
            assert!(verifier(&key).verify_tenant_token(&token).is_err(), "{name}");
        }
    }
    for name in ["none", "ES256"] {
        for signature in [vec![], vec![0; 64]] {
            let token = token(&json!({ "alg": name }), &claims, |_| signature);
            assert!(verifier(&key).verify_tenant_token(&token).is_err(), "{name}");
        }
    }
}

/// Keys are what can verify a token: no private keys, no other curves, no RSA that is broken in an afternoon.
#[test]
fn keys_that_cannot_verify_are_no_keys() {
    let pkcs1 = RsaKeyPair::from_pkcs8(pem::parse(RSA).unwrap().contents()).unwrap();
    let pkcs1 = aws_lc_rs::signature::KeyPair::public_key(&pkcs1).as_ref().to_vec();
    let pkcs1 = pem::encode(&pem::Pem::new("RSA PUBLIC KEY", pkcs1));
    let padded = format!("\n  made by hand\r\n{}\n\n", RSA_PUBLIC.replace('\n', "\r\n"));
    for good in [RSA_PUBLIC, &pkcs1, &padded, RSA_PUBLIC.trim_end()] {
        assert!(VerifyingKey::from_pem(good).is_ok(), "{good}");
    }
    let ec = ec(&PKCS_ECDSA_P256_SHA256);
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap().public_key_pem();
    let (private, public) = (ec.serialize_pem(), ec.public_key_pem());
    let small = include_str!("../../../fixtures/keys/rsa-1024.pub.pem");
    let renamed = private.replace("PRIVATE", "PUBLIC");
    let cut = public.replace("MFk", "MFkw");
    let literal = public.replace('\n', "\\n");
    for bad in ["", "a key", RSA, &private, &renamed, small, &other, &cut, &literal] {
        assert!(VerifyingKey::from_pem(bad).is_err(), "{bad}");
    }
}

/// Only times, and the claim that a token is for, are looked at; what else is in it may be of any type.
#[test]
fn claims_are_read_leniently() {
    let key = ec(&PKCS_ECDSA_P256_SHA256);
    let verifier = verifier(&key);
    let now = Utc::now().timestamp();
    let token = |claims: &Value| {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        token(&json!({ "alg": "ES256", "kid": 7 }), claims, |message| sign_ec(&key, algorithm, message))
    };
    for more in [
        json!({}),
        json!({ "e_tga": null, "exp": null, "nbf": null }),
        json!({ "e_tga": [true], "exp": now + 600, "nbf": now }),
        json!({ "exp": 1e11, "nbf": 0.5, "iat": 0.5, "auth_time": [] }),
        json!({ "aud": ["a", "b"], "sub": 7, "iat": "yesterday", "email": {}, "family_name": false }),
        json!({ "aud": 1, "iss": [], "preferred_username": null, "unknown": { "deep": [1] } }),
    ] {
        let mut claims = json!({ "e_tga": "*" });
        claims.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        let outcome = verifier.verify_tenant_token(&token(&claims));
        assert!(outcome.is_ok(), "{claims} {outcome:?}");
    }
    for (claims, expected) in [
        (json!({ "e_tga": "*", "exp": now - 1 }), "Expired"),
        (json!({ "e_tga": "*", "exp": -1.5 }), "Expired"),
        (json!({ "e_tga": "*", "nbf": now + 60 }), "NotYetValid"),
        (json!({ "e_tga": "*", "exp": "never" }), "Time(\"exp\")"),
        (json!({ "e_tga": "*", "nbf": [] }), "Time(\"nbf\")"),
        (json!({ "e_ara": "*" }), "Claim(\"e_tga\")"),
        (json!(["e_tga"]), "Malformed"),
        (json!("e_tga"), "Malformed"),
    ] {
        let outcome = verifier.verify_tenant_token(&token(&claims));
        assert_eq!(format!("{:?}", outcome.unwrap_err()), expected, "{claims}");
    }
    for (claim, good) in [
        (json!("*"), true),
        (json!(["a", "*"]), true),
        (json!([]), false),
        (json!(["**"]), false),
        (json!("**"), false),
        (json!(true), false),
        (json!(null), false),
        (json!({ "*": "*" }), false),
    ] {
        let outcome = verifier.verify_admin_token(&token(&json!({ "e_ara": claim, "e_tga": "*" })));
        assert_eq!(outcome.is_ok(), good, "{claim} {outcome:?}");
    }
    assert!(verifier.verify_admin_token(&token(&json!({ "e_tga": "*" }))).is_err());
}

/// A token that says that there is more to understand than this server does is not for it.
#[test]
fn extensions_are_not_passed_over() {
    let key = ec(&PKCS_ECDSA_P256_SHA256);
    let header = json!({ "alg": "ES256", "crit": ["b64"], "b64": false });
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let token = token(&header, &json!({ "e_tga": "*" }), |message| sign_ec(&key, algorithm, message));
    assert!(matches!(verifier(&key).verify_tenant_token(&token), Err(TokenError::Malformed)));
}

proptest! {
    /// Whatever comes instead of a token is refused, and nothing worse.
    #[test]
    fn nonsense_is_refused(
        text in r"\PC*",
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..5),
        header in r#"\{("alg": ?("ES512"|"RS256"|7|null),?)?("crit": ?[0n]?)?\}?"#,
    ) {
        let verifier = VerifyingKey::from_pem(RSA_PUBLIC).unwrap();
        let parts: Vec<_> = parts.into_iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let headed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), parts.join("."));
        for token in [text, parts.join("."), headed] {
            prop_assert!(verifier.verify_tenant_token(&token).is_err(), "{}", token);
        }
    }

    /// A token in which one character is another is no token any more.
    #[test]
    fn each_character_counts(at in any::<prop::sample::Index>(), to in r"[A-Za-z0-9_.=+ -]") {
        let key = SigningKey::from_pem(RSA).unwrap();
        let good = mint_tenant_token(&key, None).unwrap();
        let good = secrecy::ExposeSecret::expose_secret(&good);
        let at = at.index(good.len());
        let mut bad = good.to_owned();
        bad.replace_range(at..=at, &to);
        prop_assume!(bad != *good);
        prop_assert!(VerifyingKey::from_pem(RSA_PUBLIC).unwrap().verify_tenant_token(&bad).is_err(), "{}", bad);
    }
}
