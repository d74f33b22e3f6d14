use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::round::{Entry, HEADER_BYTES, RoundHeader};
use super::space::ROUND_BYTES_MAX;
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
    secret: u64,
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

    /// The entries of the next rounds in their order: at least one, and more until their rounds
    /// have `bytes`. None at the end.
    ///
    /// # Errors
    /// The disk's.
    pub fn next_entries(&mut self, bytes: usize) -> io::Result<Vec<FoundEntry>> {
        let (mut entries, mut read) = (Vec::new(), 0);
        while (read < bytes || entries.is_empty())
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
            secret: 0,
            number: 0,
            position: 0,
        };
        let first = found.first_header()?;
        Ok(first.map(|header| {
            found.generation = header.generation;
            found.secret = header.secret;
            found
        }))
    }

    /// The first block's, or the next one where that block is damaged; a file that was never begun
    /// has zeros there.
    fn first_header(&self) -> io::Result<Option<RoundHeader>> {
        let mut block = [0; HEADER_BYTES];
        let read = self.file.read_at(&mut block, 0)?;
        if block[..read].iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        for position in (0..ROUND_BYTES_MAX).step_by(BLOCK_BYTES) {
            if let Some(header) = self.header_at(position)? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn next_round(&mut self) -> io::Result<Option<Round>> {
        if let Some(round) = self.round_at(self.position)? {
            return Ok(Some(round));
        }
        // A crash tears the last round that was to be synced, and any of those that were not yet.
        let torn = self.position;
        for blocks in 1..=ROUND_BYTES_MAX / BLOCK_BYTES as u64 {
            let position = torn + blocks * BLOCK_BYTES as u64;
            if let Some(round) = self.round_at(position)? {
                log::error!(
                    "{}: DATA LOST, the journal has a hole from byte {torn} to {position} (a power \
                     cut leaves such with klamm.flush=written); what follows is recovered as far \
                     as it continues its logs",
                    self.path.display()
                );
                return Ok(Some(round));
            }
        }
        Ok(None)
    }

    /// The round of this generation that begins at `position`, if it is whole and none of those
    /// read already.
    fn round_at(&mut self, position: u64) -> io::Result<Option<Round>> {
        let header = self.header_at(position)?;
        let expected = |header: &RoundHeader| {
            let known = (self.generation, self.secret) == (header.generation, header.secret);
            known && header.number >= self.number
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
        let mut block = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut block, position)?;
        let header = RoundHeader::parse(&block);
        Ok(header.filter(|header| position + header.padded_bytes() <= self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::journal::round::{RoundWriter, round_bytes};
    use crate::model::{PartitionId, Uuid};

    const SECRET: u64 = 0x5ec2e7;

    /// A round with one entry that says its number, or the opening one.
    fn round(generation: u64, number: u64) -> Vec<u8> {
        let batch_bytes = [0, 5_000][usize::from(number > 0)];
        let mut buffer = vec![0; round_bytes(usize::from(number > 0), batch_bytes)];
        let mut writer = RoundWriter::new(&mut buffer);
        if number > 0 {
            let entry = Entry {
                partition: PartitionId {
                    topic_id: Uuid::ZERO,
                    index: number as i32,
                },
                segment_base: 0,
                position: 0,
                base_offset: generation as i64,
                bytes: batch_bytes as u32,
            };
            writer.add(&entry).fill(1);
        }
        writer.finish(generation, number, SECRET);
        buffer
    }

    fn rounds(generation: u64, count: u64) -> Vec<u8> {
        (0..count)
            .flat_map(|number| round(generation, number))
            .collect()
    }

    /// Generation and number of all entries.
    fn read(files: &[Vec<u8>]) -> Vec<(i64, i32)> {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..files.len())
            .map(|number| dir.path().join(number.to_string()))
            .collect();
        for (path, bytes) in paths.iter().zip(files) {
            std::fs::write(path, bytes).unwrap();
        }
        let mut reader = JournalReader::open(&paths).unwrap();
        let mut found = Vec::new();
        loop {
            let entries = reader.next_entries(1).unwrap();
            if entries.is_empty() {
                return found;
            }
            found.extend(
                entries
                    .iter()
                    .map(|found| (found.entry.base_offset, found.entry.partition.index)),
            );
        }
    }

    #[test]
    fn files_are_read_in_the_order_of_their_generations() {
        let files = [rounds(7, 3), vec![0; 8_192], rounds(5, 2), rounds(6, 1)];
        assert_eq!(read(&files), [(5, 1), (7, 1), (7, 2)]);
    }

    #[test]
    fn what_an_older_filling_left_is_not_read() {
        let mut file = rounds(5, 6);
        let newer = rounds(8, 3);
        file[..newer.len()].copy_from_slice(&newer);
        assert_eq!(read(&[file]), [(8, 1), (8, 2)]);
    }

    /// A producer's record may look like a round; where an older filling left it, it is none.
    #[test]
    fn a_forged_round_is_not_read() {
        let mut file = rounds(5, 2);
        let mut forged = vec![0; round_bytes(0, 0)];
        RoundWriter::new(&mut forged).finish(5, 2, SECRET + 1);
        file.extend(forged);
        file.extend(round(5, 3));
        assert_eq!(read(&[file]), [(5, 1), (5, 3)]);
    }

    #[test]
    fn a_torn_last_round_ends_the_file_and_damage_does_not() {
        let mut file = rounds(5, 5);
        let last = file.len() - 4_096;
        file[last..].fill(0);
        assert_eq!(read(&[file.clone()]), [(5, 1), (5, 2), (5, 3)]);
        file[4_096 + 8_192 + 100] ^= 1;
        assert_eq!(read(&[file.clone()]), [(5, 1), (5, 3)]);
        file[3] ^= 1;
        assert_eq!(read(&[file]), [(5, 1), (5, 3)], "the first block");
    }
}
