//! The objects of a git repository, as far as it takes to find one file in one commit: loose ones and those in
//! packs, with their deltas (<https://git-scm.com/docs/pack-format>).
//!
//! Never writes, never runs git, and reads nothing large: whatever is longer than a sane tree is not there.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;

use crate::files::{self, Kind as FileKind};

/// The most bytes of one object.
const LONGEST: u64 = 64 * 1024 * 1024;
/// Deltas on top of each other; git makes 50, or 250 when asked to.
const DEEPEST: u32 = 4_096;
/// Object stores that borrow from each other.
const STORES: usize = 16;

/// The name of an object: 20 bytes, or 32 where a repository uses SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id(Vec<u8>);

/// Where objects lie: the repository's own folder and those it borrows from.
#[derive(Debug)]
pub(super) struct Objects {
    stores: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Commit,
    Tree,
    Other,
}

impl Id {
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        digits.collect::<Option<Vec<u8>>>().map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Objects {
    /// Of the repository whose shared folder this is.
    pub(super) fn of(common: &Path) -> Option<Self> {
        let mut stores = vec![common.join("objects")];
        let mut at = 0;
        while let Some(store) = stores.get(at).filter(|_| at < STORES).cloned() {
            at += 1;
            let lent = files::read_text(&store.join("info/alternates"), FileKind::Document).unwrap_or_default();
            let lent = lent.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            stores.extend(lent.map(|path| store.join(path)).filter(|path| path.is_dir()).collect::<Vec<_>>());
        }
        stores[0].is_dir().then_some(Self { stores })
    }

    /// What a commit has as the file under this path; `Some(None)` where it has no such file. `None`: an object
    /// is missing or cannot be read.
    pub(super) fn blob(&self, commit: &Id, path: &[&[u8]]) -> Option<Option<Id>> {
        let (Kind::Commit, text) = self.read(commit, 0)? else { return None };
        let tree = text.strip_prefix(b"tree ")?;
        let mut id = Id::from_hex(std::str::from_utf8(tree.get(..commit.0.len() * 2)?).ok()?)?;
        let (name, folders) = path.split_last()?;
        for folder in folders {
            let (Kind::Tree, tree) = self.read(&id, 0)? else { return None };
            match entry(&tree, folder, id.0.len())? {
                Some((mode, found)) if mode == b"40000" => id = found,
                _ => return Some(None),
            }
        }
        let (Kind::Tree, tree) = self.read(&id, 0)? else { return None };
        Some(entry(&tree, name, id.0.len())?.filter(|(mode, _)| mode.starts_with(b"100")).map(|(_, id)| id))
    }

    fn read(&self, id: &Id, depth: u32) -> Option<(Kind, Vec<u8>)> {
        self.stores.iter().find_map(|store| loose(store, id).or_else(|| self.packed(store, id, depth)))
    }

    fn packed(&self, store: &Path, id: &Id, depth: u32) -> Option<(Kind, Vec<u8>)> {
        let packs = std::fs::read_dir(store.join("pack")).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let mut indices = packs.filter(|path| path.extension().is_some_and(|end| end == "idx"));
        indices.find_map(|index| {
            let offset = offset(&files::open(&index).ok()?, id)?;
            self.unpack(&files::open(&index.with_extension("pack")).ok()?, offset, id.0.len(), depth)
        })
    }

    /// The object at a place in a pack. One that is given by its difference from another is put together.
    fn unpack(&self, pack: &File, offset: u64, width: usize, depth: u32) -> Option<(Kind, Vec<u8>)> {
        if depth > DEEPEST {
            return None;
        }
        let mut reader = BufReader::new(From { file: pack, at: offset });
        let first = byte(&mut reader)?;
        let mut size = u64::from(first & 0x0f);
        let (mut more, mut shift) = (first & 0x80 != 0, 4);
        while more {
            let next = byte(&mut reader)?;
            size |= u64::from(next & 0x7f).checked_shl(shift)?;
            (more, shift) = (next & 0x80 != 0, shift + 7);
        }
        let (kind, base) = match first >> 4 & 7 {
            1 => return Some((Kind::Commit, inflate(reader, size)?)),
            2 => return Some((Kind::Tree, inflate(reader, size)?)),
            3 | 4 => return Some((Kind::Other, Vec::new())),
            6 => {
                let mut next = byte(&mut reader)?;
                let mut back = u64::from(next & 0x7f);
                while next & 0x80 != 0 {
                    next = byte(&mut reader)?;
                    back = back.checked_add(1)?.checked_mul(128)? | u64::from(next & 0x7f);
                }
                self.unpack(pack, offset.checked_sub(back).filter(|_| back > 0)?, width, depth + 1)?
            }
            7 => {
                let mut base = vec![0; width];
                reader.read_exact(&mut base).ok()?;
                self.read(&Id(base), depth + 1)?
            }
            _ => return None,
        };
        Some((kind, patched(&base, &inflate(reader, size)?)?))
    }
}

/// A file from some place on, with a position of its own.
struct From<'f> {
    file: &'f File,
    at: u64,
}

impl Read for From<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn byte(reader: &mut impl Read) -> Option<u8> {
    let mut one = [0];
    reader.read_exact(&mut one).ok()?;
    Some(one[0])
}

fn inflate(reader: BufReader<From<'_>>, size: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(reader).take(LONGEST).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == size).then_some(bytes)
}

/// An object in a file of its own: `tree 37\0` and what it holds.
fn loose(store: &Path, id: &Id) -> Option<(Kind, Vec<u8>)> {
    let name = id.hex();
    let file = files::open(&store.join(name.get(..2)?).join(name.get(2..)?)).ok()?;
    let mut reader = BufReader::new(ZlibDecoder::new(BufReader::new(file)).take(LONGEST));
    let mut head = Vec::new();
    reader.read_until(0, &mut head).ok()?;
    let kind = match head.split(|byte| *byte == b' ').next()? {
        b"commit" => Kind::Commit,
        b"tree" => Kind::Tree,
        _ => return Some((Kind::Other, Vec::new())),
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).ok()?;
    Some((kind, bytes))
}

/// Where an index of version 2 says that an object begins in its pack.
fn offset(index: &File, id: &Id) -> Option<u64> {
    const FANOUT: u64 = 8;
    const NAMES: u64 = FANOUT + 256 * 4;
    let at = |place: u64, bytes: &mut [u8]| index.read_exact_at(bytes, place).ok();
    let number = |place: u64| {
        let mut four = [0; 4];
        at(place, &mut four).map(|()| u64::from(u32::from_be_bytes(four)))
    };
    let mut magic = [0; 8];
    at(0, &mut magic)?;
    if magic != *b"\xfftOc\0\0\0\x02" {
        return None;
    }
    let width = id.0.len() as u64;
    let first = u64::from(*id.0.first()?);
    let count = number(FANOUT + 255 * 4)?;
    let (mut low, mut high) =
        (if first == 0 { 0 } else { number(FANOUT + (first - 1) * 4)? }, number(FANOUT + first * 4)?);
    let mut name = vec![0; id.0.len()];
    while low < high {
        let middle = low.midpoint(high);
        at(NAMES + middle * width, &mut name)?;
        match name.as_slice().cmp(&id.0) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => {
                let short = NAMES + count * (width + 4);
                let place = number(short + middle * 4)?;
                if place < 1 << 31 {
                    return Some(place);
                }
                let mut eight = [0; 8];
                at(short + count * 4 + (place - (1 << 31)) * 8, &mut eight)?;
                return Some(u64::from_be_bytes(eight));
            }
        }
    }
    None
}

/// The entry of a tree: its mode and its object. `Some(None)`: there is none of that name.
fn entry<'t>(mut tree: &'t [u8], name: &[u8], width: usize) -> Option<Option<(&'t [u8], Id)>> {
    while !tree.is_empty() {
        let space = tree.iter().position(|byte| *byte == b' ')?;
        let end = space + tree[space..].iter().position(|byte| *byte == 0)?;
        let (mode, found) = (&tree[..space], &tree[space + 1..end]);
        let id = tree.get(end + 1..end + 1 + width)?;
        if found == name {
            return Some(Some((mode, Id(id.to_vec()))));
        }
        tree = &tree[end + 1 + width..];
    }
    Some(None)
}

/// What a delta makes of its base: copies of parts of it, and bytes of its own.
fn patched(base: &[u8], mut delta: &[u8]) -> Option<Vec<u8>> {
    let take = |delta: &mut &[u8]| {
        let (first, rest) = delta.split_first()?;
        *delta = rest;
        Some(*first)
    };
    let length = |delta: &mut &[u8]| {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let next = take(delta)?;
            value |= u64::from(next & 0x7f).checked_shl(shift)?;
            shift += 7;
            if next & 0x80 == 0 {
                return Some(value);
            }
        }
    };
    if length(&mut delta)? != base.len() as u64 {
        return None;
    }
    let size = length(&mut delta).filter(|size| *size <= LONGEST)?;
    let mut out = Vec::new();
    while let Some(code) = take(&mut delta) {
        if code & 0x80 == 0 {
            out.extend_from_slice(delta.get(..usize::from(code)).filter(|own| !own.is_empty())?);
            delta = &delta[usize::from(code)..];
            continue;
        }
        let mut part = |bits: std::ops::Range<u8>| {
            let mut value = 0_usize;
            for (shift, bit) in bits.enumerate() {
                if code & 1 << bit != 0 {
                    value |= usize::from(take(&mut delta)?) << (8 * shift);
                }
            }
            Some(value)
        };
        let (from, len) = (part(0..4)?, part(4..7)?);
        let len = if len == 0 { 0x1_0000 } else { len };
        out.extend_from_slice(base.get(from..from.checked_add(len)?)?);
    }
    (out.len() as u64 == size).then_some(out)
}
