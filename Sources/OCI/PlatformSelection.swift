import NIOCore

/// What remains of an index when only some platforms are wanted.
package enum PlatformSelection: Sendable {
    /// One manifest, which takes the index's place.
    case single(Descriptor)
    /// A new index over the children that were asked for.
    case reduced(Manifest)
    /// Every child was asked for: the index itself.
    case whole
}

/// What ``Manifest/selecting(_:)`` found.
package struct PlatformSelectionResult: Sendable {
    package let selection: PlatformSelection
    /// Patterns that matched no child while others did; worth a warning.
    package let missing: [PlatformPattern]
}

extension Manifest {
    /// Cuts an index down to the platforms asked for.
    ///
    /// A single match stands alone; several make a reduced index: the source's own bytes with the other descriptors
    /// cut out, so the same input gives the same bytes and digest every time. Attestations are left out of it.
    ///
    /// - Returns: `nil` when no child matches any pattern.
    /// - Throws: ``DocumentError`` when this is not an index.
    package func selecting(_ patterns: [PlatformPattern]) throws(DocumentError) -> PlatformSelectionResult? {
        guard case .index(let index) = content else {
            throw DocumentError(.structure, "platforms can only be chosen from an index")
        }
        let kept = index.entries.filter { entry in
            entry.platform.map { platform in patterns.contains { $0.matches(platform) } } ?? false
        }
        guard let first = kept.first else { return nil }
        let missing = patterns.filter { pattern in
            !kept.contains { entry in entry.platform.map(pattern.matches) ?? false }
        }
        if patterns.count == 1, Set(kept.map(\.descriptor)).count == 1 {
            return PlatformSelectionResult(selection: .single(first.descriptor), missing: missing)
        }
        if kept.count == index.entries.count {
            return PlatformSelectionResult(selection: .whole, missing: missing)
        }
        let reduced = try Manifest(bytes: bytes(keeping: kept, of: index), contentType: descriptor.mediaType)
        return PlatformSelectionResult(selection: .reduced(reduced), missing: missing)
    }

    private func bytes(keeping entries: [ImageIndex.Entry], of index: ImageIndex) -> ByteBuffer {
        var result = ByteBuffer()
        func append(_ range: Range<Int>) {
            guard let slice = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            result.writeImmutableBuffer(slice)
        }
        append(0..<index.range.lowerBound)
        result.writeString("[")
        for (position, entry) in entries.enumerated() {
            if position > 0 { result.writeString(",") }
            append(entry.range)
        }
        result.writeString("]")
        append(index.range.upperBound..<bytes.readableBytes)
        return result
    }
}
