import Cache
import NIOCore
import OCI

extension ImportReading {
    /// Where the bytes of a member go that begins.
    func sink(for meaning: ImportMember, _ member: TarMember) async throws -> Sink {
        switch meaning {
        case .layout: return try text(meaning, member, limit: 4096)
        // What imglife.json says is all that counts then.
        case .index where contents.document != nil, .document where contents.document != nil,
            .dockerManifest where contents.document != nil:
            return .hash(DigestHasher(.sha256), head: [])
        case .index: return try list(ImportedIndex(), member, limit: ArchiveIndex.maximumSize)
        case .dockerManifest:
            let listing = DockerListing { [scratch = stage.cache.staging.scratch] in scratch.file(size: member.size) }
            return try list(listing, member, limit: DockerManifest.maximumSize)
        case .document: return try list(ArchiveDocument.Reader(), member, limit: ArchiveDocument.maximumSize)
        case .blob(let digest): return try await sink(for: digest, member)
        case .part(let digest, let index): return try await sink(forPart: try contents.part(digest, index, member))
        case .dockerFile:
            try await stage.cache.staging.makeRoom(forImportOf: member.size)
            return .stage(try stage.writer(nil, size: member.size))
        case .dockerLink, .ignored: return .discard
        }
    }

    private func text(_ meaning: ImportMember, _ member: TarMember, limit: Int) throws(ArchiveRefusal) -> Sink {
        try Self.check(member, limit: limit)
        // Its pages are taken as they are written to.
        return .text(meaning, ByteBufferAllocator().buffer(capacity: Int(member.size)), limit: limit)
    }

    private func list(_ list: any ArrivingText, _ member: TarMember, limit: Int) throws(ArchiveRefusal) -> Sink {
        try Self.check(member, limit: limit)
        return .list(list, DigestHasher(.sha256))
    }

    private static func check(_ member: TarMember, limit: Int) throws(ArchiveRefusal) {
        guard member.size <= limit else { throw ArchiveRefusal(member.name, "has more than \(limit) bytes") }
    }

    private func sink(for digest: Digest, _ member: TarMember) async throws -> Sink {
        try contents.check(digest, size: member.size, member.name)
        guard try await !stage.isHere(digest, size: member.size), try await stage.reserve(digest, size: member.size)
        else {
            return .hash(DigestHasher(digest.algorithm), head: [])
        }
        let name = StagedFile.name(of: digest)
        return .stage(try stage.writer(name, algorithm: digest.algorithm, size: member.size))
    }

    private func sink(forPart part: ArchiveDocument.Part) async throws -> Sink {
        let isHere = try await stage.isPresent(part.blob.digest, size: part.blob.size)
        guard !isHere, let writer = try await parts?.writer(for: part) else {
            return .hash(DigestHasher(part.digest.algorithm), head: [])
        }
        return .part(writer)
    }

    /// Ends a member that was only hashed.
    func keep(_ digest: Digest, _ head: [UInt8], as meaning: ImportMember, _ member: TarMember) async throws {
        switch meaning {
        case .blob(let expected):
            try check(digest, expected, member)
            contents.note(DockerImages.File(digest: expected, size: member.size, head: head))
        case .part(let blob, let index):
            let part = try contents.part(blob, index, member)
            try check(digest, part.digest, member)
            contents.note(part)
        case .index, .document, .dockerManifest: try contents.note(digest, as: meaning, member.name)
        default: break
        }
    }

    /// Ends a member that was written.
    func keep(_ writer: StageWriter, as meaning: ImportMember, _ member: TarMember) async throws {
        let file = try writer.finish()
        switch meaning {
        case .blob(let expected):
            try check(file.digest, expected, member)
            try await stage.add(file)
            contents.note(DockerImages.File(digest: expected, size: member.size, head: writer.head))
        case .dockerFile(let name):
            try contents.note(name, DockerImages.File(digest: file.digest, size: file.size, head: writer.head))
            try await stage.addUnnamed(file)
        default: break
        }
    }

    /// Ends a part that was written into its place.
    func keep(_ writer: PartWriter, _ member: TarMember) async throws {
        defer { writer.giveUp() }
        try check(writer.digest, writer.part.digest, member)
        try await blocking(on: .syncing) { try writer.finish() }
        contents.note(writer.part)
    }

    private func check(_ digest: Digest, _ expected: Digest, _ member: TarMember) throws(ArchiveRefusal) {
        guard digest == expected else {
            throw ArchiveRefusal(member.name, "holds other bytes than it should: expected \(expected), got \(digest)")
        }
    }
}
