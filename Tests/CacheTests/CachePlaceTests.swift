import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Where a cache is looked for, made, and refused.
@Suite(.timeLimit(.minutes(10)))
struct CachePlaceTests {
    private static func open(_ path: String, _ mode: CacheConfiguration.Mode) async throws {
        var configuration = configuration(path)
        configuration.mode = mode
        try await ContentCache.with(configuration) { _ in }
    }

    private static func failure(_ path: String, _ mode: CacheConfiguration.Mode) async throws -> CacheError {
        try #require(await #expect(throws: CacheError.self) { try await open(path, mode) })
    }

    /// What stands in a directory before it is opened: paths and texts.
    struct Place: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var files: [String: String] = [:]
        var directories: [String] = []

        static let free = [
            Place(testDescription: "an empty directory"),
            Place(testDescription: "a new file system", directories: ["lost+found"]),
            Place(testDescription: "the beginning of a cache", directories: ["blobs/sha256", "ingest"]),
            Place(testDescription: "what runs without a cache left", files: ["schedule.json": "{}"]),
            Place(testDescription: "what a kill left of that", files: [".schedule.json.17.4711.tmp": ""]),
            Place(
                testDescription: "an image layout",
                files: ["oci-layout": #"{"imageLayoutVersion":"1.0.0"}"#, "index.json": #"{"manifests":[]}"#],
                directories: ["blobs"]
            ),
        ]

        static let foreign = [
            Place(testDescription: "another program's database", files: ["index.sqlite": ""]),
            Place(testDescription: "documents", files: ["letter.txt": "x"]),
            Place(testDescription: "an index.json of something else", files: ["index.json": #"{"manifests":[]}"#]),
            Place(
                testDescription: "an image layout that cannot be read",
                files: ["oci-layout": "{}", "index.json": #"{"manifests":[{"#],
                directories: ["blobs"]
            ),
        ]

        func make(at path: String) throws {
            try #require(mkdir(path, 0o700) == 0)
            for name in directories { try Files.write("", to: "\(path)/\(name)/.x") }
            for name in directories { try remove("\(path)/\(name)/.x") }
            for (name, text) in files { try Files.write(text, to: "\(path)/\(name)") }
        }
    }

    @Test(
        "Looking never creates: without a cache it says so, and leaves everything",
        arguments: Place.free + Place.foreign
    )
    func looking(place: Place) async throws {
        try await TemporaryDirectory.with { path in
            try place.make(at: "\(path)/cache")
            let before = try Files.tree(path)
            let error = try await Self.failure("\(path)/cache", .existing)
            #expect(error.kind == .missing)
            #expect(error.description.hasPrefix("cannot open the cache \(path)/cache: there is no cache; "))
            #expect(try Files.tree(path) == before)
            #expect(try names("\(path)/cache").count == place.directories.count + place.files.count)
            let absent = try await Self.failure("\(path)/absent/cache", .existing)
            #expect(absent.kind == .missing)
            #expect(!exists("\(path)/absent"))
        }
    }

    @Test("A cache is made where nothing is lost by it, and then found", arguments: Place.free)
    func making(place: Place) async throws {
        try await TemporaryDirectory.with { path in
            try place.make(at: "\(path)/cache")
            try await Self.open("\(path)/cache", .create)
            try await Self.open("\(path)/cache", .existing)
            try await Self.open("\(path)/new/cache", .create)
            try await Self.open("\(path)/new/cache", .existing)
        }
    }

    @Test("A directory of somebody else's is refused and left as it is", arguments: Place.foreign)
    func foreign(place: Place) async throws {
        try await TemporaryDirectory.with { path in
            try place.make(at: "\(path)/cache")
            let error = try await Self.failure("\(path)/cache", .create)
            #expect(error.kind == .foreign)
            #expect(error.description.contains("choose an empty directory"))
            #expect(try names("\(path)/cache") == (place.directories + place.files.keys).sorted())
            for (name, text) in place.files { #expect(try Files.text("\(path)/cache/\(name)") == text) }
        }
    }

    @Test(
        "A cache that has lost its index and the layout's files is one",
        arguments: [["index.sqlite"], ["oci-layout", "index.json"], ["index.sqlite", "oci-layout", "index.json"]]
    )
    func damaged(lost: [String]) async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await NamesTests.store(SampleImage.image(), in: cache, as: "1", of: "a")
            }
            for name in lost { try remove("\(path)/\(name)") }
            try await Self.open(path, .existing)
            for name in lost { #expect(exists("\(path)/\(name)")) }
        }
    }

    @Test(
        "SQLite opens nothing but a regular file of the cache's own",
        arguments: ["index.sqlite", "index.sqlite-journal"],
        ["link", "hard link", "pipe", "directory"]
    )
    func database(name: String, kind: String) async throws {
        try await TemporaryDirectory.with { path in
            try await Self.open("\(path)/cache", .create)
            let place = "\(path)/cache/\(name)"
            try await Self.open("\(path)/other", .create)
            let other = "\(path)/other/index.sqlite"
            let before = try contents(other)
            if exists(place) { try remove(place) }
            let status =
                switch kind {
                case "link": symlink(other, place)
                case "hard link": link(other, place)
                case "pipe": mkfifo(place, 0o600)
                default: mkdir(place, 0o700)
                }
            try #require(status == 0)
            let error = try await Self.failure("\(path)/cache", .create)
            #expect(error.kind == .untrusted)
            #expect(error.description.contains("\(place): it must be a regular file"))
            #expect(try contents(other) == before)
        }
    }

    @Test("A backup that is a link is not restored from")
    func backup() async throws {
        let image = SampleImage.image()
        try await TemporaryDirectory.with { path in
            for name in ["cache", "other"] {
                try await ContentCache.with(configuration("\(path)/\(name)")) { cache async throws in
                    try await NamesTests.store(image, in: cache, as: "1", of: name)
                    try await cache.writeLayout()
                }
            }
            let place = "\(path)/cache/backup/index-1.sqlite"
            try remove(place)
            try remove("\(path)/cache/index.sqlite")
            try #require(symlink("\(path)/other/index.sqlite", place) == 0)
            try await ContentCache.with(configuration("\(path)/cache")) { cache async throws in
                #expect(try await cache.names.locations() == [RepositoryReference("cache")])
            }
        }
    }
}
