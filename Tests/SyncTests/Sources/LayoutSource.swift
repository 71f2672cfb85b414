import FoundationEssentials
import NIOCore
import OCI
import TestSupport

/// A directory in the form of an OCI image layout as a source: a kind that the program does not have, which shows what
/// one more takes.
struct LayoutSource: ImageSource {
    let location: RepositoryReference
    let path: String

    var place: String { path }
    var origin: RepositoryReference? { nil }

    init(location: RepositoryReference, path: String) {
        self.location = location
        self.path = path
    }

    /// Writes contents into a directory.
    init(_ contents: SourceKind.Contents, in path: String) throws {
        self.init(
            location: RepositoryReference(host: "layout.example.com", repository: SourceKind.repository),
            path: path
        )
        try FileManager.default.createDirectory(atPath: path + "/blobs/sha256", withIntermediateDirectories: true)
        for image in [contents.image, contents.other, contents.signature] {
            for part in image.blobs + image.manifests {
                try Data(part.source.buffer.readableBytesView).write(to: URL(filePath: file(part.descriptor.digest)))
            }
        }
        let named = contents.tags.map { Self.entry($0.image.top, $0.name.description) }
        let text = (named + [Self.entry(contents.signature.top, nil)]).joined(separator: ",")
        try Files.write(#"{"schemaVersion":2,"manifests":[\#(text)]}"#, to: path + "/index.json")
    }

    private static func entry(_ descriptor: Descriptor, _ name: String?) -> String {
        let note = name.map { #","annotations":{"org.opencontainers.image.ref.name":"\#($0)"}"# } ?? ""
        return
            #"{"mediaType":"\#(descriptor.mediaType)","digest":"\#(descriptor.digest)","size":\#(descriptor.size)\#(note)}"#
    }

    private func file(_ digest: Digest) -> String { "\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    private func bytes(_ path: String) -> ByteBuffer? {
        (try? Data(contentsOf: URL(filePath: path))).map { ByteBuffer(bytes: $0) }
    }

    private func entries() throws -> [ImageIndex.Entry] {
        guard let bytes = bytes(path + "/index.json") else { return [] }
        guard case .index(let index) = try Manifest(bytes: bytes, contentType: .ociIndex).content else { return [] }
        return index.entries
    }

    private func names() throws -> [(TagName, Descriptor)] {
        try entries().compactMap { entry in
            try entry.annotations["org.opencontainers.image.ref.name"].map { (try TagName($0), entry.descriptor) }
        }
    }

    func tags() async throws -> [TagName]? {
        bytes(path + "/index.json") == nil ? nil : try names().map(\.0)
    }

    func resolve(_ reference: Reference) async throws -> Descriptor? {
        switch reference {
        case .tag(let tag): try names().first { $0.0 == tag }?.1
        case .digest(let digest):
            try bytes(file(digest)).flatMap { try Manifest(bytes: $0, contentType: nil).descriptor }
        }
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        try await resolve(reference).flatMap {
            try bytes(file($0.digest)).map { try Manifest(bytes: $0, contentType: nil) }
        }
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let bytes = bytes(file(descriptor.digest)) else {
            throw DocumentError(.structure, "\(descriptor.digest) is not in the layout")
        }
        return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead _: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let bytes = bytes(file(descriptor.digest)) else {
            throw DocumentError(.structure, "\(descriptor.digest) is not in the layout")
        }
        guard offset < descriptor.size else { return }
        try await deliver(bytes.getSlice(at: Int(offset), length: bytes.readableBytes - Int(offset)) ?? ByteBuffer())
    }

    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        let found = try entries().map(\.descriptor).filter { descriptor in
            try bytes(file(descriptor.digest)).map {
                try Manifest(bytes: $0, contentType: nil).subject?.digest == digest
            } ?? false
        }
        return .known(found.map { ReferrerEntry(descriptor: $0) })
    }

    func blobSize(_ digest: Digest, named _: Int64?) async throws -> Int64? {
        bytes(file(digest)).map { Int64($0.readableBytes) }
    }
}
