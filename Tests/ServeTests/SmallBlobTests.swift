import Cache
import CacheSupport
import Glibc
import Logging
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// Small blobs that are kept in memory, as long as their files are what they were.
@Suite(.timeLimit(.minutes(10)))
struct SmallBlobTests {
    private static let layers = (1...20).map { SampleImage.Layer(seed: $0, size: 10_000) }
    private static let image = SampleImage.image(layers: layers)
    private static let images = [("docker.io/library/app:1", image)]
    private static var layer: SampleImage.Part { image.blobs[1] }
    private static var uri: String { "/v2/app/blobs/\(layer.descriptor.digest)" }

    /// What is done to a file that has been served from memory, and what is answered then.
    enum Change: String, CaseIterable, CustomTestStringConvertible {
        case removed, replaced, otherBytes, damaged, shortened, grown, linked, putAside

        var testDescription: String { rawValue }

        /// 404 for what has turned out wrong and was put aside, or is not there.
        var status: Int { self == .replaced ? 200 : 404 }

        func make(to part: SampleImage.Part, in served: ServedCache) async throws {
            var bytes = part.source.buffer
            let size = bytes.readableBytes
            let path = served.file(part.descriptor.digest)
            try #require(chmod(path, 0o600) == 0)
            switch self {
            case .removed: try Files.remove(path)
            case .replaced, .otherBytes:
                if self == .otherBytes { bytes.setInteger(UInt8(1), at: size - 1) }
                try Files.write(bytes, to: "\(path).new")
                try #require(rename("\(path).new", path) == 0)
            case .damaged: try overwrite(path, at: size / 2)
            case .shortened: try #require(truncate(path, off_t(size - 1)) == 0)
            case .grown: try overwrite(path, at: size)
            case .linked:
                try #require(rename(path, "\(served.path)/elsewhere") == 0)
                try #require(symlink("\(served.path)/elsewhere", path) == 0)
            case .putAside:
                let file = try #require(try served.cache.blobFile(part.descriptor.digest))
                await served.cache.quarantine(file)
            }
        }

        /// In place, so that it stays the same file.
        private func overwrite(_ path: String, at offset: Int) throws {
            let file = open(path, O_WRONLY | O_CLOEXEC)
            try #require(file >= 0)
            defer { close(file) }
            try #require(pwrite(file, "!", 1, off_t(offset)) == 1)
        }
    }

    @Test("A small blob is not served from memory when its file is not what it was", arguments: Change.allCases)
    func changes(change: Change) async throws {
        try await ServedCache.with(Self.images) { served async throws in
            for _ in 0..<3 { #expect(try await served.get(Self.uri).body == Self.layer.source.buffer) }
            try await change.make(to: Self.layer, in: served)
            for method in ["GET", "GET", "HEAD"] {
                let answer = try await served.client().request(method, Self.uri)
                #expect(answer.status == change.status, "\(method)")
                if answer.status == 200, method == "GET" { #expect(answer.body == Self.layer.source.buffer) }
            }
        }
    }

    @Test("A manifest is not served from memory when its file is not what it was", arguments: Change.allCases)
    func manifest(change: Change) async throws {
        try await ServedCache.with(Self.images) { served async throws in
            let uris = ["/v2/app/manifests/1", "/v2/app/manifests/\(Self.image.digest)"]
            let manifest = try #require(Self.image.manifests.last)
            for uri in uris + uris { #expect(try await served.get(uri).body == manifest.source.buffer) }
            try await change.make(to: manifest, in: served)
            for uri in uris + uris {
                let answer = try await served.get(uri)
                #expect(answer.status == change.status, "\(uri)")
                if answer.status == 200 { #expect(answer.body == manifest.source.buffer) }
            }
        }
    }

    @Test("The file of a small blob is not opened again, whatever is asked of it", arguments: [false, true])
    func opened(isCold: Bool) async throws {
        try await ServedCache.with(Self.images) { served async throws in
            if isCold { try ColdFileTests.cool(served.file(Self.layer.descriptor.digest), from: 0, count: 10_000) }
            let content = CountingContent(content: CachedContent(served.cache))
            try await Server.with(.test(), content) { server in
                let client = RawClient(try RegistryHost(server.address))
                #expect(try await client.get(Self.uri).body == Self.layer.source.buffer)
                let first = content.opened.value
                let part = try await client.get(Self.uri, ["Range": "bytes=9000-"])
                #expect(part.status == 206 && part.body == Self.layer.source.buffer.getSlice(at: 9000, length: 1000))
                let tag = ["If-None-Match": "\"\(Self.layer.descriptor.digest)\""] as HeaderList
                #expect(try await client.get(Self.uri, tag).status == 304)
                #expect(try await client.get(Self.uri, ["Range": "bytes=10000-"]).status == 416)
                #expect(try await client.request("HEAD", Self.uri).headers["Content-Length"] == "10000")
                #expect(try await client.get(Self.uri).body == Self.layer.source.buffer)
                // Once without waiting for the disk, and once more where that has to be.
                #expect(first <= 2 && content.opened.value == first)
            }
        }
    }

    @Test("What small blobs take of the memory has a bound, and those that are asked for stay")
    func bounded() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            let small = KeptFiles<ByteBuffer>(limit: 128 << 10)
            let parts = Self.image.blobs.dropFirst()
            for _ in 0..<3 {
                for part in parts {
                    let file = try #require(try served.cache.blobFile(part.descriptor.digest))
                    small.keep(part.source.buffer, 10_000, of: file.digest, in: file.version)
                    #expect(small[file.digest]?.value == part.source.buffer)
                    #expect(small[file.digest]?.file == file.version)
                    #expect(small.size <= 128 << 10)
                    // One of them is wanted all the time.
                    _ = small[Self.layer.descriptor.digest]
                }
            }
            #expect(small.size > 20_000)
            let left = parts.filter { small[$0.descriptor.digest] != nil }
            #expect((2...8).contains(left.count))
            #expect(left.contains { $0.descriptor.digest == Self.layer.descriptor.digest })
        }
    }
}

/// Counts how often a blob's file is opened.
private struct CountingContent: ServedContent {
    let content: CachedContent
    let opened = Watched(0)

    func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? {
        opened.update { $0 += 1 }
        return try content.blobAtHand(digest, of: repository)
    }

    func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version? {
        try content.fileAtHand(digest, of: repository)
    }

    func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob? {
        opened.update { $0 += 1 }
        return try await content.blob(digest, of: repository, client: client, isNeeded: isNeeded)
    }

    func manifest(_ reference: Reference, of repository: RepositoryReference) async throws -> ServedManifest? { nil }

    func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool {
        false
    }

    func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? { nil }

    func repositories() async throws -> [RepositoryReference] { [] }

    func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String?
    ) async throws -> ServedList<ReferrerEntry> {
        ServedList([])
    }

    func quarantine(_ blob: BlobFile) async {}
}
