package import NIOCore

extension Manifest {
    /// The index with entries replaced by others, or by none; everything else stays to the byte.
    ///
    /// - Parameters:
    ///   - replacements: for positions of entries, the texts of the descriptors that take their place, in order.
    ///   - index: what this document holds.
    /// - Returns: a new document of the same type, by its sha256.
    /// - Throws: ``DocumentError`` when the result is too large, or is no index.
    package func splicing(
        _ replacements: [Int: [ByteBuffer]],
        into index: ImageIndex
    ) throws(DocumentError) -> Manifest {
        var kept: [(position: Int, bytes: ByteBuffer)] = []
        for (position, entry) in index.entries.enumerated() {
            guard let others = replacements[position] else {
                kept.append((position, slice(entry.range)))
                continue
            }
            guard !others.isEmpty else { continue }
            var joined = ByteBuffer()
            for (number, other) in others.enumerated() {
                if number > 0 { joined.writeInteger(UInt8(ascii: ",")) }
                joined.writeImmutableBuffer(other)
            }
            kept.append((position, joined))
        }
        return try Manifest(bytes: bytes(of: index, keeping: kept), contentType: descriptor.mediaType)
    }

    /// The descriptor of an entry as it stands in this document, in bytes of its own; the text of a platform is added
    /// where the entry has none.
    package func text(of entry: ImageIndex.Entry, platform: ByteBuffer?) -> ByteBuffer {
        var result = ByteBuffer()
        guard let platform, entry.platformRange == nil else {
            result.writeImmutableBuffer(slice(entry.range))
            return result
        }
        result.writeImmutableBuffer(slice(entry.range.lowerBound..<entry.range.upperBound - 1))
        result.writeString(#","platform":"#)
        result.writeImmutableBuffer(platform)
        result.writeString("}")
        return result
    }

    /// The text of an entry's platform, in bytes of its own; `nil` where it has none.
    package func platformText(of entry: ImageIndex.Entry) -> ByteBuffer? {
        guard entry.platform != nil, let range = entry.platformRange else { return nil }
        return ByteBuffer(bytes: slice(range).readableBytesView)
    }

    /// The index's bytes with only some entries in them, each in the words given.
    ///
    /// What stands before the first entry, after the last one, and between a kept entry and its predecessor stays as it
    /// is, white space included.
    func bytes(of index: ImageIndex, keeping kept: [(position: Int, bytes: ByteBuffer)]) -> ByteBuffer {
        var result = ByteBuffer()
        let ranges = index.entries.map(\.range)
        result.writeImmutableBuffer(slice(0..<(ranges.first?.lowerBound ?? 0)))
        for (position, bytes) in kept {
            if position != kept.first?.position {
                result.writeImmutableBuffer(slice(ranges[position - 1].upperBound..<ranges[position].lowerBound))
            }
            result.writeImmutableBuffer(bytes)
        }
        result.writeImmutableBuffer(slice((ranges.last?.upperBound ?? 0)..<bytes.readableBytes))
        return result
    }

    func slice(_ range: Range<Int>) -> ByteBuffer {
        bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }
}
