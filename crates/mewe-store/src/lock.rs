//! One process a directory, for its life.
//!
//! Two writers of one file would each be told "stored" of what the other undoes, and one thread's events would be handled by
//! two at once. The system itself gives the lock back when a process ends, in whatever way.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::OpenError;

/// Holds `dir/lock` until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let unwritable = |source| OpenError::Unwritable { dir: dir.display().to_string(), source };
        make_private_dir(dir).map_err(unwritable)?;
        let mut file = private_file(&dir.join("lock")).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps, but is not needed.
                let _ = file.read_to_string(&mut holder);
                return Err(OpenError::InUse { dir: dir.display().to_string(), pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let note = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        note.map_err(unwritable)?;
        Ok(Self { _file: file })
    }
}

/// Opens or makes a file that nobody else on the machine reads: what is stored is other people's words.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    // An empty path's parent is the current directory, which there is.
    let missing: Vec<PathBuf> =
        dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).map(Path::to_owned).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    // SQLite syncs the directory that it makes files in, but what if that directory itself is gone after a power cut?
    #[cfg(unix)]
    for parent in missing.iter().filter_map(|dir| dir.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
