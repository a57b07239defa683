//! As much of a browser as the tests need: HTTP/1.1, cookies, forms.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

pub(crate) const LOGIN: &str = "/accounts/login/";
pub(crate) const PROFILE: &str = "/accounts/profile/";

#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// The same browser, at another server.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, cookies: self.cookies.clone() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "").unwrap()
    }

    /// Loads the page, fills its form and sends it. Names and values must need no quoting.
    pub(crate) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> io::Result<Answer> {
        let page = self.send("GET", path, "")?;
        let body = form(&page, fields);
        self.send("POST", path, &body)
    }

    /// Signs in as `name` with the password `<name>-pass-9Z`; fails only where the server does not answer.
    pub(crate) fn sign_in(&mut self, name: &str) -> io::Result<()> {
        let answer = self.submit(LOGIN, &[("username", name), ("password", &format!("{name}-pass-9Z"))])?;
        assert_eq!(answer.status, 302, "{answer:?}");
        Ok(())
    }

    /// Whether the profile is shown.
    pub(crate) fn is_signed_in(&mut self) -> bool {
        match self.get(PROFILE) {
            Answer { status: 200, .. } => true,
            Answer { status: 302, .. } => false,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(self.head(method, path, body.len(), "").as_bytes())?;
        stream.write_all(body.as_bytes())?;
        self.receive(stream)
    }

    /// The head of a request, with further header lines.
    pub(crate) fn head(&self, method: &str, path: &str, length: usize, more: &str) -> String {
        let cookies = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ");
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {cookies}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{more}\r\n",
            self.address
        )
    }

    /// Reads the rest of what the server has to say, and keeps its cookies.
    pub(crate) fn receive(&mut self, mut stream: TcpStream) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.into(), value.into());
        }
        Ok(Answer { status, body: body.into() })
    }
}

/// The body of the page's form with these fields.
pub(crate) fn form(page: &Answer, fields: &[(&str, &str)]) -> String {
    let token = page.body.split("name=\"csrfmiddlewaretoken\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    fields.iter().fold(format!("csrfmiddlewaretoken={token}"), |body, (name, value)| format!("{body}&{name}={value}"))
}
