//! Whose word about a client's address counts (E07).

use std::net::IpAddr;

/// The reverse proxies in front of a site. What they add to `X-Forwarded-For` is believed; what anybody else writes there is
/// not.
///
/// ```
/// use cloakroom_core::proxies::TrustedProxies;
///
/// let proxies = TrustedProxies::parse(["127.0.0.1", "10.0.0.0/8"])?;
/// let client = |peer: &str, header| proxies.client(peer.parse().unwrap(), header).to_string();
/// assert_eq!(client("10.1.2.3", Some("198.51.100.9, 192.0.2.7")), "192.0.2.7");
/// assert_eq!(client("203.0.113.5", Some("192.0.2.7")), "203.0.113.5");
/// # Ok::<(), cloakroom_core::proxies::ProxyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Range>);

/// An address, or all with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    address: IpAddr,
    bits: u8,
}

impl TrustedProxies {
    /// Takes addresses and ranges such as `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] for the first that is neither.
    pub fn parse<S: AsRef<str>>(ranges: impl IntoIterator<Item = S>) -> Result<Self, ProxyError> {
        let parse = |text: S| Range::parse(text.as_ref()).ok_or_else(|| ProxyError { text: text.as_ref().to_owned() });
        ranges.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this address is a proxy's.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(address))
    }

    /// The client of a connection from `peer`: read from the right, the first address of `X-Forwarded-For` that is no
    /// proxy's. Behind an entry that is no address nothing is believed.
    #[must_use]
    pub fn client(&self, peer: IpAddr, forwarded_for: Option<&str>) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut entries = forwarded_for.unwrap_or_default().rsplit(',');
        while self.contains(client) {
            match entries.next().and_then(entry) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text.trim(), None),
        };
        let written: IpAddr = address.parse().ok()?;
        let address = written.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        // A v4-mapped range counts its bits from the front of the IPv6 form.
        let mapped = written.is_ipv6() && address.is_ipv4();
        let bits = match bits {
            None => width,
            Some(bits) if mapped => u8::checked_sub(bits, 96)?,
            Some(bits) => bits,
        };
        (bits <= width).then_some(Self { address, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros() >= u32::from(self.bits),
            (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros() >= u32::from(self.bits),
            _ => false,
        }
    }
}

/// An entry of the header: an address, perhaps with a port.
fn entry(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.rsplit_once(':').and_then(|(host, _)| host.parse().ok()));
    address.map(|a: IpAddr| a.to_canonical())
}

/// A text that is neither an address nor a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is neither an address nor a range of them")]
pub struct ProxyError {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, header: &str) -> String {
        let header = (!header.is_empty()).then_some(header);
        TrustedProxies::parse(proxies).unwrap().client(peer.parse().unwrap(), header).to_string()
    }

    /// E07, G01: what a client writes is never believed, however it is written.
    #[test]
    fn nobody_but_a_proxy_is_believed() {
        assert_eq!(client(&[], "127.0.0.1", "1.2.3.4"), "127.0.0.1");
        let one = ["10.0.0.1"];
        assert_eq!(client(&one, "10.0.0.2", "1.2.3.4"), "10.0.0.2");
        assert_eq!(client(&one, "10.0.0.1", ""), "10.0.0.1");
        assert_eq!(client(&one, "10.0.0.1", "1.2.3.4"), "1.2.3.4");
        assert_eq!(client(&one, "10.0.0.1", "6.6.6.6, 1.2.3.4"), "1.2.3.4");
        // The client pretends to be a proxy, or to stand behind one.
        assert_eq!(client(&one, "10.0.0.1", "6.6.6.6, 10.0.0.1, 1.2.3.4"), "1.2.3.4");
        assert_eq!(client(&one, "10.0.0.1", "6.6.6.6, junk"), "10.0.0.1");
        assert_eq!(client(&one, "10.0.0.1", "6.6.6.6,"), "10.0.0.1");
    }

    #[test]
    fn proxies_may_stand_in_a_row() {
        let two = ["127.0.0.1", "2001:db8::/32"];
        assert_eq!(client(&two, "::ffff:127.0.0.1", "1.2.3.4, 2001:db8::7"), "1.2.3.4");
        assert_eq!(client(&two, "127.0.0.1", "2001:db8::7"), "2001:db8::7");
    }

    /// E06: however an address is written.
    #[test]
    fn entries_may_have_ports() {
        let one = ["127.0.0.1"];
        for (written, address) in [
            ("1.2.3.4:567", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:0db8::0001", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(client(&one, "127.0.0.1", written), address);
        }
    }

    #[test]
    fn ranges_are_checked() {
        let has =
            |range: &str, address: &str| TrustedProxies::parse([range]).unwrap().contains(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("::ffff:10.0.0.0/104", "10.1.1.1"));
        for bad in ["", "10.0.0.0/33", "::/129", "proxy.example", "10.0.0.0/x", "::ffff:10.0.0.0/8"] {
            assert!(TrustedProxies::parse([bad]).is_err(), "{bad}");
        }
    }
}
