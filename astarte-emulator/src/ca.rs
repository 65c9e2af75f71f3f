//! The emulator's own certificate authority: the broker's certificate and those of devices.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Days, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::Error;
use crate::crypto::{self, Digest};

/// Days that a device's certificate is good for.
const DEVICE_LIFE: u64 = 91;
const SERVER_LIFE: u64 = 825;
const CA_LIFE: u64 = 3650;

pub(crate) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
    server_key: KeyPair,
}

/// A certificate made for a device.
pub(crate) struct Issued {
    pub(crate) pem: String,
    pub(crate) fingerprint: Digest,
}

/// What verification says about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid { until: DateTime<Utc> },
    Invalid { cause: &'static str },
}

/// The request is not PEM, is not signed by its own key, or asks for what cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidRequest;

impl CertificateAuthority {
    /// Makes an authority that lives in memory.
    pub(crate) fn new() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let pem = ca_params()?.self_signed(&key)?.pem();
        Self::from_parts(pem, key, KeyPair::generate()?)
    }

    /// Reads the authority kept in a directory, or makes one and keeps it there.
    pub(crate) fn in_dir(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(|source| Error::CaDir { path: dir.to_owned(), source })?;
        let key = key_in(&dir.join("ca.key"))?;
        let path = dir.join("ca.pem");
        let pem = match read(&path)? {
            Some(pem) => pem,
            None => {
                let pem = ca_params()?.self_signed(&key)?.pem();
                fs::write(&path, &pem).map_err(|source| Error::CaDir { path, source })?;
                pem
            }
        };
        Self::from_parts(pem, key, key_in(&dir.join("server.key"))?)
    }

    fn from_parts(pem: String, key: KeyPair, server_key: KeyPair) -> Result<Self, Error> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| Error::Tls(error.into()))?;
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { issuer, pem, der, server_key })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// TLS for the broker: a certificate for the host name, and nobody in without one of ours.
    pub(crate) fn server_config(&self, host_name: &str) -> Result<ServerConfig, Error> {
        let mut params = params("Astarte emulator broker", SERVER_LIFE)?;
        params.subject_alt_names = vec![
            SanType::DnsName(host_name.try_into()?),
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.server_key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.server_key.serialize_der()));

        let tls = |error: rustls::Error| Error::Tls(error.into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).map_err(tls)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| Error::Tls(error.into()))?;
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone(), self.der.clone()], key)
            .map_err(tls)
    }

    /// Makes a certificate for the key of a request. The subject is ours to decide, whatever the request says.
    pub(crate) fn issue(&self, request: &str, common_name: &str) -> Result<Issued, InvalidRequest> {
        let mut request = CertificateSigningRequestParams::from_pem(request).map_err(|_| InvalidRequest)?;
        let mut params = params(common_name, DEVICE_LIFE).map_err(|_| InvalidRequest)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        request.params = params;
        let certificate = request.signed_by(&self.issuer).map_err(|_| InvalidRequest)?;
        Ok(Issued { pem: certificate.pem(), fingerprint: crypto::digest(certificate.der()) })
    }

    /// Checks a device's certificate; `current` is the one given out last.
    pub(crate) fn verify(&self, pem: &str, current: Option<&Digest>, common_name: &str) -> Verdict {
        let invalid = |cause| Verdict::Invalid { cause };
        let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return invalid("INVALID") };
        let (Ok((_, certificate)), Ok((_, ca))) =
            (X509Certificate::from_der(&der), X509Certificate::from_der(&self.der))
        else {
            return invalid("INVALID");
        };
        if certificate.issuer() != ca.subject() {
            return invalid("INVALID_ISSUER");
        }
        if certificate.verify_signature(Some(ca.public_key())).is_err() {
            return invalid("INVALID_SIGNATURE");
        }
        let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        if name != Some(common_name) {
            return invalid("NAME_NOT_PERMITTED");
        }
        if !certificate.validity().is_valid() {
            return invalid("EXPIRED");
        }
        if !current.is_some_and(|current| crypto::same(current, &crypto::digest(&der))) {
            return invalid("REVOKED");
        }
        match DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0) {
            Some(until) => Verdict::Valid { until },
            None => invalid("INVALID"),
        }
    }
}

fn ca_params() -> Result<CertificateParams, Error> {
    let mut params = params("Astarte emulator CA", CA_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Good from yesterday on, for devices whose clock is late.
fn params(common_name: &str, days: u64) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let today = Utc::now().date_naive();
    let from = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let until = today.checked_add_days(Days::new(days)).unwrap_or(today);
    let [not_before, not_after] = [from, until].map(|day| {
        // Months and days are small numbers.
        let part = |number: u32| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(day.year(), part(day.month()), part(day.day()))
    });
    params.not_before = not_before;
    params.not_after = not_after;
    Ok(params)
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::CaDir { path: path.to_owned(), source }),
    }
}

/// The key kept in a file; a new one when there is none.
fn key_in(path: &Path) -> Result<KeyPair, Error> {
    if let Some(pem) = read(path)? {
        return Ok(KeyPair::from_pem(&pem)?);
    }
    let key = KeyPair::generate()?;
    write_private(path, &key.serialize_pem())
        .map_err(|source| Error::CaDir { path: PathBuf::from(path), source })?;
    Ok(key)
}

/// Nobody but the owner may read a key.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    // The subject is forced, one block of PEM, and only the last certificate is current.
    #[test]
    fn certificates_are_issued_and_verified() {
        let ca = CertificateAuthority::new().unwrap();
        let issued = ca.issue(&request("somebody else"), "test/dev").unwrap();
        assert_eq!(issued.pem.matches("BEGIN").count(), 1);
        let verdict = |current: &Digest, name| ca.verify(&issued.pem, Some(current), name);
        assert!(matches!(verdict(&issued.fingerprint, "test/dev"), Verdict::Valid { .. }));
        assert_eq!(verdict(&Digest::default(), "test/dev"), Verdict::Invalid { cause: "REVOKED" });
        assert_eq!(
            verdict(&issued.fingerprint, "test/other"),
            Verdict::Invalid { cause: "NAME_NOT_PERMITTED" }
        );
        let other = CertificateAuthority::new().unwrap();
        let cause = other.verify(&issued.pem, Some(&issued.fingerprint), "test/dev");
        assert_eq!(cause, Verdict::Invalid { cause: "INVALID_SIGNATURE" });
        assert_eq!(ca.verify("junk", None, "test/dev"), Verdict::Invalid { cause: "INVALID" });
        assert!(ca.issue("junk", "test/dev").is_err());
    }

    // Devices that trust the authority of an earlier run trust that of the next one.
    #[test]
    fn an_authority_survives_in_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = CertificateAuthority::in_dir(dir.path()).unwrap();
        let issued = first.issue(&request("x"), "test/dev").unwrap();
        let second = CertificateAuthority::in_dir(dir.path()).unwrap();
        assert_eq!(first.pem(), second.pem());
        let verdict = second.verify(&issued.pem, Some(&issued.fingerprint), "test/dev");
        assert!(matches!(verdict, Verdict::Valid { .. }));
    }
}
