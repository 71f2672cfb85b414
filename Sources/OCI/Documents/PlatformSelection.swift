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
    /// One pattern's single match stands alone. Several patterns, or several matches of one (variants of `arm`, Windows
    /// versions), make a reduced index: the source's own bytes with the other descriptors cut out, so the same input
    /// gives the same bytes and digest every time, always sha256. Attestations are left out of it.
    ///
    /// - Returns: `nil` when no child matches any pattern.
    /// - Throws: ``DocumentError`` when this is not an index.
    package func selecting(_ patterns: [PlatformPattern]) throws(DocumentError) -> PlatformSelectionResult? {
        guard case .index(let index) = content else {
            throw DocumentError(.structure, "platforms can only be chosen from an index")
        }
        let kept = index.entries.indices.filter { position in
            index.entries[position].platform.map { platform in patterns.contains { $0.matches(platform) } } ?? false
        }
        guard let first = kept.first else { return nil }
        let isOnePattern = Set(patterns).count == 1
        let missing = patterns.filter { pattern in
            !kept.contains { index.entries[$0].platform.map(pattern.matches) ?? false }
        }
        if isOnePattern, Set(kept.map { index.entries[$0].descriptor }).count == 1 {
            return PlatformSelectionResult(selection: .single(index.entries[first].descriptor), missing: missing)
        }
        if kept.count == index.entries.count {
            return PlatformSelectionResult(selection: .whole, missing: missing)
        }
        return PlatformSelectionResult(selection: .reduced(try keeping(kept, of: index)), missing: missing)
    }

    /// Cuts an index down to some of its entries, in their own bytes.
    ///
    /// - Parameters:
    ///   - positions: the entries' positions, ascending.
    ///   - index: what this is.
    /// - Returns: the index itself where that is all of them.
    /// - Throws: ``DocumentError``.
    package func keeping(_ positions: [Int], of index: ImageIndex) throws(DocumentError) -> Manifest {
        guard positions.count < index.entries.count else { return self }
        let parts = positions.map { (position: $0, bytes: slice(index.entries[$0].range)) }
        return try Manifest(bytes: bytes(of: index, keeping: parts), contentType: descriptor.mediaType)
    }
}
