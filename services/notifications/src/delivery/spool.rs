//! Mails as files, for a hospital without a mail server: `mail/<message>.eml`.

use std::path::{Path, PathBuf};

use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::delivery::HandedOver;
use crate::delivery::email::Mail;

/// A directory of mails.
#[derive(Debug, Clone)]
pub struct Spool {
    dir: PathBuf,
}

impl Spool {
    /// Makes the directory, for the owner alone: mails hold names and links.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(dir: PathBuf) -> std::io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&dir).await?;
        Ok(Self { dir })
    }

    /// Where the mails are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a mail whole or not at all; writing it again replaces it, so there is
    /// one file for each message however often it is tried.
    pub async fn send(&self, mail: &Mail) -> HandedOver {
        match self.write(mail).await {
            Ok(()) => HandedOver::Delivered,
            Err(error) => {
                tracing::warn!(%error, dir = %self.dir.display(), "a mail cannot be written");
                HandedOver::Down("SPOOL_IO".into())
            }
        }
    }

    /// Removes the mail of a message, if there is one.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub async fn remove(&self, name: &str) -> std::io::Result<()> {
        match fs::remove_file(self.dir.join(format!("{name}.eml"))).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn write(&self, mail: &Mail) -> std::io::Result<()> {
        let draft = self.dir.join(format!(".{}.tmp", mail.name));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&draft).await?;
        file.write_all(&mail.bytes).await?;
        file.sync_all().await?;
        fs::rename(&draft, self.dir.join(format!("{}.eml", mail.name))).await?;
        // The name is in the directory, which is a file of its own to be kept.
        fs::File::open(&self.dir).await?.sync_all().await
    }
}
