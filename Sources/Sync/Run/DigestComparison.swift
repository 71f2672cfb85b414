import Cache
import OCI
import Registry

/// Whether a target's tag is what a copy would push there, at the price of one HEAD a side.
struct DigestComparison {
    let entry: Configuration.Entry
    let source: any ImageSource
    let target: Repository
    let cache: ContentCache?

    /// - Throws: ``CopyError`` when the source lacks the tag; `RegistryError`; `DocumentError`.
    func compare(_ tag: EntryPlan.Tag) async throws -> (isEqual: Bool, expected: Digest) {
        async let present = target.resolve(.tag(tag.target))
        let expected = try await expectedDigest(of: tag)
        return (try await present?.digest == expected, expected)
    }

    private func expectedDigest(of tag: EntryPlan.Tag) async throws -> Digest {
        if let listed = tag.listedDigest {
            guard !entry.platforms.isEmpty else { return listed }
            if let cached = try cache?.manifest(listed) { return try reducedDigest(of: cached) }
        } else if entry.platforms.isEmpty || cache != nil {
            let descriptor = try await sourceDescriptor(of: tag)
            guard !entry.platforms.isEmpty else { return descriptor.digest }
            if let cached = try cache?.manifest(descriptor) { return try reducedDigest(of: cached) }
        }
        guard let document = try await source.manifest(.tag(tag.source)) else {
            throw CopyError(.missingTag(.tag(tag.source), entry.source))
        }
        try await cache?.store(document, from: entry.source)
        return try reducedDigest(of: document)
    }

    private func sourceDescriptor(of tag: EntryPlan.Tag) async throws -> Descriptor {
        guard let descriptor = try await source.resolve(.tag(tag.source)) else {
            throw CopyError(.missingTag(.tag(tag.source), entry.source))
        }
        return descriptor
    }

    /// The digest that a copy would push: reducing an index gives the same bytes every time.
    private func reducedDigest(of document: Manifest) throws -> Digest {
        guard case .index(let index) = document.content else { return document.descriptor.digest }
        switch try document.selection(of: entry.platforms, from: index).selection {
        case .single(let descriptor): return descriptor.digest
        case .reduced(let manifest): return manifest.descriptor.digest
        case .whole: return document.descriptor.digest
        }
    }
}
