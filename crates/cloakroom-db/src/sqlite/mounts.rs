//! Which file systems cannot carry a database in WAL mode.
//!
//! The processes that have such a database open share memory, which the machines of a network do not
//! (<https://sqlite.org/wal.html>): each would see its own commits alone, and the file would break.

use std::path::Path;

/// Kinds as the mount table names them. `9p` and `virtiofs` reach one machine's disk from its guests.
const NETWORK: [&str; 26] = [
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.ceph",
    "fuse.cephfs",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
];

/// The kind of the file system that `path` is on, if it is one of a network. Where there is no mount table to read, none is
/// known.
#[cfg(target_os = "linux")]
pub(super) fn network_file_system(path: &Path) -> Option<String> {
    use std::os::linux::fs::MetadataExt;
    let there = path.metadata().or_else(|_| path.parent().unwrap_or(path).metadata()).ok()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let device = there.st_dev();
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    kind_of(&table, &format!("{major}:{minor}")).filter(|kind| is_network(kind)).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network_file_system(_: &Path) -> Option<String> {
    None
}

/// The kind of the file system with this device number (<https://docs.kernel.org/filesystems/proc.html>, section 3.5).
#[cfg(any(target_os = "linux", test))]
fn kind_of<'t>(table: &'t str, device: &str) -> Option<&'t str> {
    table.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        (mount.split(' ').nth(2)? == device).then(|| file_system.split(' ').next())?
    })
}

#[cfg(any(target_os = "linux", test))]
fn is_network(kind: &str) -> bool {
    NETWORK.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
90 27 0:52 / /srv/shared\\040files rw,relatime shared:7 master:2 - nfs4 nas:/export rw,vers=4.2
91 27 0:53 / /mnt/box rw - fuse.sshfs me@host: rw
92 27 0:54 / /var/lib/containers rw - fuse.fuse-overlayfs overlay rw
";

    #[test]
    fn network_file_systems_are_known_by_their_kind() {
        let found = |device| kind_of(TABLE, device).map(|kind| (kind, is_network(kind)));
        assert_eq!(found("254:1"), Some(("ext4", false)));
        assert_eq!(found("0:52"), Some(("nfs4", true)));
        assert_eq!(found("0:53"), Some(("fuse.sshfs", true)));
        assert_eq!(found("0:54"), Some(("fuse.fuse-overlayfs", false)));
        assert_eq!(found("0:99"), None);
    }

    #[test]
    fn this_machine_keeps_its_tests_on_a_disk_of_its_own() {
        assert_eq!(network_file_system(&std::env::temp_dir().join("not there")), None);
    }
}
