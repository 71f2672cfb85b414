import Cache
import NIOCore
import OCI

/// One pass over an archive: small members are kept, blobs go to the stage, and everything is checked on the way.
final class ImportReading {
    /// Where the bytes of the member that is being read go.
    enum Sink {
        case discard
        case text(ImportMember, ByteBuffer, limit: Int)
        /// Read as it comes.
        case list(any ArrivingText, DigestHasher)
        /// Only hashed; its bytes are here already.
        case hash(DigestHasher, head: [UInt8])
        case stage(StageWriter)
        case part(PartWriter)
    }

    let stage: ImportStage
    let options: ImportOptions
    var contents: ImportContents
    /// Where parts go; known once the archive has said which set it is of.
    private(set) var parts: ImportParts?
    private var current: (member: TarMember, meaning: ImportMember)?
    var sink = Sink.discard

    init(_ stage: ImportStage, _ options: ImportOptions) {
        self.stage = stage
        self.options = options
        contents = ImportContents(stage.ledger)
    }

    /// Reads everything.
    ///
    /// - Throws: ``ArchiveRefusal``; ``CacheError`` where the cache or the archive cannot be read or written;
    ///   `CancellationError`.
    func run(_ members: any ArchiveMembers, archive: String) async throws {
        while let event = try await Self.next(members, archive) {
            do {
                switch event {
                case .member(let member): try await begin(member, members)
                case .content(let bytes): try await take(bytes)
                case .endOfFile: try await end(members)
                }
            } catch let error as SystemError {
                throw CacheError(error, importingInto: stage.cache)
            }
        }
        try options.checkSignature(contents.document)
        try contents.checkLists()
    }

    private static func next(_ members: any ArchiveMembers, _ archive: String) async throws -> TarParser.Event? {
        do {
            return try await members.next()
        } catch let error as SystemError {
            throw CacheError(.inputOutput, "read", path: archive, code: error.code, error.reason, cause: error)
        }
    }

    /// Gives up the member that is being written.
    ///
    /// - Parameter keepsPartial: whether what has a name of its own stays for the next run.
    func abandon(keepsPartial: Bool) {
        if case .part(let writer) = sink { writer.giveUp() }
        if case .stage(let writer) = sink { writer.abandon(keepsPartial: keepsPartial) }
        sink = .discard
    }

    private func begin(_ member: TarMember, _ members: any ArchiveMembers) async throws {
        let meaning = try ImportMember(member)
        current = (member, meaning)
        sink = .discard
        if case .dockerLink(let name, let target) = meaning { try contents.note(name, linksTo: target) }
        guard member.kind == .file else { return }
        if let remaining = members.remaining, member.size > remaining {
            throw ArchiveRefusal(member.name, "ends too early; the archive was not written or copied to its end")
        }
        sink = try await sink(for: meaning, member)
    }

    private func take(_ bytes: ByteBuffer) async throws {
        switch sink {
        case .discard: break
        case .text(let meaning, var text, let limit):
            sink = .discard
            text.writeImmutableBuffer(bytes)
            sink = .text(meaning, text, limit: limit)
        case .list(let list, var hasher):
            sink = .discard
            hasher.update(bytes)
            try Self.reading { () throws(DocumentError) in try list.take(bytes) }
            sink = .list(list, hasher)
        case .hash(var hasher, var head):
            sink = .discard
            hasher.update(bytes)
            if head.count < 8 { head += bytes.readableBytesView.prefix(8 - head.count) }
            sink = .hash(hasher, head: head)
        case .stage(var writer):
            sink = .discard
            // Put back in any case, so that what failed can be removed.
            defer { sink = .stage(writer) }
            try await writer.write(bytes)
        case .part(var writer):
            sink = .discard
            defer { sink = .part(writer) }
            try writer.write(bytes)
        }
    }

    private func end(_ members: any ArchiveMembers) async throws {
        guard let (member, meaning) = current else { return }
        switch sink {
        case .discard: break
        case .text(_, let text, _): try keep(text, as: meaning, member)
        case .list(let list, let hasher):
            try contents.note(hasher.finalize(), as: meaning, member.name)
            try await take(list, members)
        case .hash(let hasher, let head):
            try await keep(hasher.finalize(), head, as: meaning, member)
        case .stage(let writer): try await keep(writer, as: meaning, member)
        case .part(let writer): try await keep(writer, member)
        }
        current = nil
        sink = .discard
    }

    private func keep(_ text: ByteBuffer, as meaning: ImportMember, _ member: TarMember) throws {
        try contents.note(text, as: meaning, member.name)
        if meaning == .layout { try Self.checkLayout(text) }
    }

    /// Takes a list to its end.
    private func take(_ list: any ArrivingText, _ members: any ArchiveMembers) async throws {
        if let reader = list as? ArchiveDocument.Reader {
            return try await take(try Self.reading { () throws(DocumentError) in try reader.finish() }, members)
        }
        contents.note(list)
        guard let directory = members as? DirectoryMembers else { return }
        if let index = list as? ImportedIndex { try directory.deliver(index, options) }
        if let docker = list as? DockerListing {
            try directory.deliver(docker) { [unowned self] in contents.dockerFile($0) != nil }
        }
    }

    /// OCI image-spec 1.1.1, "oci-layout file".
    private static func checkLayout(_ text: ByteBuffer) throws(ArchiveRefusal) {
        guard let version = try? JSONValue(parsing: text)["imageLayoutVersion"]?.string, version == "1.0.0" else {
            throw ArchiveRefusal("oci-layout", "does not say that it is an OCI image layout of version 1.0.0")
        }
    }

    private static func reading<Result>(_ body: () throws(DocumentError) -> Result) throws(ArchiveRefusal) -> Result {
        do throws(DocumentError) {
            return try body()
        } catch {
            throw ArchiveRefusal("\(error)")
        }
    }

    private func take(_ document: ArchiveDocument, _ members: any ArchiveMembers) async throws {
        try options.checkSignature(document)
        members.expect(document.blobs.count + document.parts.count)
        (members as? DirectoryMembers)?.deliver(document)
        let parts = ImportParts(stage.cache, of: document.volume?.set)
        self.parts = parts
        contents.note(document)
        try await stage.expect(document, parts)
    }
}
