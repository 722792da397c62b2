//! A file of this machine, read whole: within a bound, and without waiting for anybody.
//!
//! A name may stand for a pipe, on which opening waits until somebody writes, or for a device, which never ends. So a file
//! is opened without waiting, and what was opened is looked at, not what its name stood for a moment before.
//! Never: waits for a pipe, or reads without a bound or what is not a file.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file to read it; programs that are started do not inherit it.
///
/// # Errors
/// When it cannot be opened, or is a folder, a pipe, a socket or a device.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

/// All bytes of a file.
///
/// # Errors
/// When it cannot be opened or read, is no file, or has more than so many bytes.
pub fn bytes(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    bounded(open(path)?, most)
}

/// All text of a file.
///
/// # Errors
/// As for [`bytes()`], and when it is not UTF-8.
pub fn text(path: &Path, most: usize) -> io::Result<String> {
    String::from_utf8(bytes(path, most)?).map_err(|_| io::Error::other("it is not text"))
}

/// All bytes of a stream.
///
/// # Errors
/// When it cannot be read, or has more than so many bytes.
pub fn bounded(from: impl io::Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pipe_a_folder_and_a_device_are_no_files_and_nobody_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [pipe, folder.path().to_owned(), "/dev/zero".into()] {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || tell.send(bytes(&path, 10)));
            let read = told.recv_timeout(Duration::from_secs(5)).expect("somebody waits");
            assert_eq!(read.unwrap_err().to_string(), "it is not a file");
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_bound_and_not_beyond() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        assert_eq!(text(file.path(), 10).unwrap(), "0123456789");
        assert_eq!(bytes(file.path(), 9).unwrap_err().to_string(), "it has more than 9 bytes");
        std::fs::write(file.path(), [0xff]).unwrap();
        assert_eq!(text(file.path(), 9).unwrap_err().to_string(), "it is not text");
    }
}
