import Cache
import NIOCore
import OCI

/// One pass over an archive: small members are kept, blobs go to the stage, and everything is checked on the way.
final class ImportReading {
    /// Where the bytes of the member that is being read go.
    enum Sink {
        case discard
        case text(ImportMember, ByteBuffer, limit: Int)
        /// Only hashed; its bytes are here already.
        case hash(DigestHasher, head: [UInt8])
        case stage(StageWriter)
        case part(PartWriter)
    }

    let stage: ImportStage
    let options: ImportOptions
    private(set) var document: ArchiveDocument?
    /// The small members.
    private(set) var texts: [ImportMember: ByteBuffer] = [:]
    /// The blobs that have passed.
    private(set) var blobs: [Digest: DockerImages.File] = [:]
    private(set) var parts: Set<ArchiveDocument.Part> = []
    private(set) var dockerFiles: [String: DockerImages.File] = [:]
    private(set) var links: [String: String] = [:]
    private var current: (member: TarMember, meaning: ImportMember)?
    var sink = Sink.discard

    init(_ stage: ImportStage, _ options: ImportOptions) {
        self.stage = stage
        self.options = options
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
                case .content(let bytes): try take(bytes)
                case .endOfFile: try await end(members)
                }
            } catch let error as SystemError {
                throw CacheError(error, importingInto: stage.cache)
            }
        }
        try checkLists()
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
        if case .dockerLink(let name, let target) = meaning {
            guard dockerFiles[name] == nil, links.updateValue(target, forKey: name) ?? target == target else {
                throw ArchiveRefusal(member.name, "is in it twice, with different content")
            }
        }
        guard member.kind == .file else { return }
        if let remaining = members.remaining, member.size > remaining {
            throw ArchiveRefusal(member.name, "ends too early; the archive was not written or copied to its end")
        }
        sink = try await sink(for: meaning, member)
    }

    private func take(_ bytes: ByteBuffer) throws {
        switch sink {
        case .discard: break
        case .text(let meaning, var text, let limit):
            sink = .discard
            text.writeImmutableBuffer(bytes)
            sink = .text(meaning, text, limit: limit)
        case .hash(var hasher, var head):
            sink = .discard
            hasher.update(bytes)
            if head.count < 8 { head += bytes.readableBytesView.prefix(8 - head.count) }
            sink = .hash(hasher, head: head)
        case .stage(var writer):
            sink = .discard
            // Put back in any case, so that what failed can be removed.
            defer { sink = .stage(writer) }
            try writer.write(bytes)
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
        case .text(_, let text, _): try await keep(text, as: meaning, member, members)
        case .hash(let hasher, let head):
            try await keep(hasher.finalize(), head, as: meaning, member)
        case .stage(let writer): try await keep(writer, as: meaning, member)
        case .part(let writer): try await keep(writer, member)
        }
        current = nil
        sink = .discard
    }

    private func keep(
        _ text: ByteBuffer,
        as meaning: ImportMember,
        _ member: TarMember,
        _ members: any ArchiveMembers
    ) async throws {
        guard texts.updateValue(text, forKey: meaning) ?? text == text else {
            throw ArchiveRefusal(member.name, "is in it twice, with different content")
        }
        switch meaning {
        case .layout: try Self.checkLayout(text)
        case .document:
            try await takeDocument(text)
            members.expect((document?.blobs.count ?? 0) + (document?.parts.count ?? 0))
        default: break
        }
        guard let directory = members as? DirectoryMembers else { return }
        if meaning == .index { try deliver(directory, index: text) }
        if meaning == .dockerManifest { try directory.deliver(docker: DockerImages.members(text)) }
    }

    /// OCI image-spec 1.1.1, "oci-layout file".
    private static func checkLayout(_ text: ByteBuffer) throws(ArchiveRefusal) {
        guard let version = try? JSONValue(parsing: text)["imageLayoutVersion"]?.string, version == "1.0.0" else {
            throw ArchiveRefusal("oci-layout", "does not say that it is an OCI image layout of version 1.0.0")
        }
    }

    private func takeDocument(_ text: ByteBuffer) async throws {
        let document: ArchiveDocument
        do throws(DocumentError) {
            document = try ArchiveDocument(decoding: text)
        } catch {
            throw ArchiveRefusal("\(error)")
        }
        try checkSignature(document)
        self.document = document
        try await stage.hold(document.blobs + document.omitted.map(\.blob) + document.parts.map(\.blob))
        try await stage.reserve(document)
    }

    /// Checks that the archive is signed as the options demand.
    func checkSignature(_ document: ArchiveDocument?) throws(ArchiveRefusal) {
        guard !options.keys.isEmpty else { return }
        guard let document, !document.signatures.isEmpty else {
            throw ArchiveRefusal("it is not signed, but --verify-key demands it")
        }
        guard options.keys.contains(where: { $0.verifies(document) }) else {
            throw ArchiveRefusal("it is not signed with the key that --verify-key names, or was changed afterwards")
        }
    }

    /// What a directory's index leads to is all that is read of it, and what refers to that.
    private func deliver(_ directory: DirectoryMembers, index text: ByteBuffer) throws {
        if let document { return directory.deliver(document.blobs.map(\.digest)) }
        let layout = directory.layout
        let roots = try ImportRoot.roots(index: text).images
        let selection = try select(roots) { try layout.manifest($0)?.subject != nil }
        var closure = ImportClosure(read: { try layout.manifest($0) }, holds: { _ in true })
        var digests: Set<Digest> = []
        for root in selection.wanted { digests.formUnion(try closure.image(root.descriptor).members.keys) }
        let known = digests.union(roots.map(\.descriptor.digest))
        for referrer in try layout.unlisted(besides: known).belonging(to: digests) {
            digests.formUnion(try closure.image(referrer.descriptor).members.keys)
        }
        directory.deliver(digests)
    }

    /// Which images are taken, as the options say.
    func select(_ roots: [ImportRoot], isReferrer: (Descriptor) throws -> Bool) throws -> ImportSelection {
        try ImportSelection(roots, only: options.only, as: options.name, isReferrer: isReferrer)
    }

    func note(_ file: DockerImages.File) { blobs[file.digest] = file }

    func note(_ part: ArchiveDocument.Part) { parts.insert(part) }

    func note(_ name: String, _ file: DockerImages.File) throws(ArchiveRefusal) {
        guard links[name] == nil, dockerFiles.updateValue(file, forKey: name)?.digest ?? file.digest == file.digest
        else { throw ArchiveRefusal(name, "is in it twice, with different content") }
    }
}
