use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::round::{Entry, RoundHeader};
use crate::log::extent::BLOCK_BYTES;
use crate::sys::arena::Chunk;

/// Reads all journals of a directory, as the last run left them; blocks, so it runs on a pool
/// thread.
#[derive(Debug)]
pub struct JournalReader {
    /// Those with rounds, by their generations.
    files: VecDeque<JournalFile>,
    generation: u64,
}

/// An entry that was found, and its batches.
#[derive(Clone, Debug)]
pub struct FoundEntry {
    /// Where they belong.
    pub entry: Entry,
    /// Whole batches.
    pub bytes: Chunk,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    generation: u64,
    /// The number of the next round, and where it should begin.
    number: u64,
    position: u64,
}

impl JournalReader {
    /// Opens the journals at `paths`; those without a round are removed at once, which gives the
    /// space back that recovery may need.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(paths: &[PathBuf]) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            match JournalFile::open(path)? {
                Some(file) => files.push(file),
                None => std::fs::remove_file(path)?,
            }
        }
        files.sort_by_key(|file| file.generation);
        Ok(Self {
            generation: files.last().map_or(0, |file| file.generation),
            files: files.into(),
        })
    }

    /// The largest generation of any file.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The files that are still to be read.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// The entries of the next rounds in their order: of at least one round, of more until they
    /// have `bytes`. None at the end.
    ///
    /// # Errors
    /// The disk's.
    pub fn next_entries(&mut self, bytes: usize) -> io::Result<Vec<FoundEntry>> {
        let (mut entries, mut read) = (Vec::new(), 0);
        while read < bytes
            && let Some(file) = self.files.front_mut()
        {
            match file.next_round()? {
                Some((round, found)) => {
                    read += round.len();
                    entries.extend(found.into_iter().map(|(entry, range)| FoundEntry {
                        entry,
                        bytes: round.slice(range),
                    }));
                }
                None => drop(self.files.pop_front()),
            }
        }
        Ok(entries)
    }
}

type Round = (Chunk, Vec<(Entry, std::ops::Range<usize>)>);

impl JournalFile {
    /// `None` if it has no round.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let mut found = Self {
            path: path.to_owned(),
            bytes: file.metadata()?.len(),
            file,
            generation: 0,
            number: 0,
            position: 0,
        };
        Ok(found.header_at(0)?.map(|header| {
            found.generation = header.generation;
            found
        }))
    }

    fn next_round(&mut self) -> io::Result<Option<Round>> {
        if let Some(round) = self.round_at(self.position)? {
            return Ok(Some(round));
        }
        // Rounds are written one after the other: only the last one can be torn by a crash.
        let torn = self.position;
        let mut position = torn + BLOCK_BYTES as u64;
        while position < self.bytes {
            if let Some(round) = self.round_at(position)? {
                log::error!(
                    "{}: DATA LOST, the journal is damaged from byte {torn} to {position}; what \
                     follows is recovered as far as it continues its logs",
                    self.path.display()
                );
                return Ok(Some(round));
            }
            position += BLOCK_BYTES as u64;
        }
        Ok(None)
    }

    /// The round of this generation that begins at `position`, if it is whole and none of those
    /// read already.
    fn round_at(&mut self, position: u64) -> io::Result<Option<Round>> {
        let header = self.header_at(position)?;
        let expected = |header: &RoundHeader| {
            (header.generation, true) == (self.generation, header.number >= self.number)
        };
        let Some(header) = header.filter(expected) else {
            return Ok(None);
        };
        let mut bytes = vec![0; header.bytes as usize];
        self.file.read_exact_at(&mut bytes, position)?;
        let Some(entries) = header.entries(&bytes) else {
            return Ok(None);
        };
        self.number = header.number + 1;
        self.position = position + header.padded_bytes();
        Ok(Some((Chunk::from_vec(bytes), entries)))
    }

    /// The header of a round that fits the file.
    fn header_at(&self, position: u64) -> io::Result<Option<RoundHeader>> {
        if position + BLOCK_BYTES as u64 > self.bytes {
            return Ok(None);
        }
        let mut block = [0; super::round::HEADER_BYTES];
        self.file.read_exact_at(&mut block, position)?;
        let header = RoundHeader::parse(&block);
        Ok(header.filter(|header| position + header.padded_bytes() <= self.bytes))
    }
}
