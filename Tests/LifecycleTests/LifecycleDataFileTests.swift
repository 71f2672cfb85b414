import FailingCalls
import FoundationEssentials
import Glibc
import Lifecycle
import OCI
import TestSupport
import Testing
import YAML

@Suite(.timeLimit(.minutes(10)))
struct LifecycleDataFileTests {
    private static func catalogue() throws -> LifecycleCatalogue {
        let date = try #require(CalendarDate("2026-11-01"))
        let rows = [
            ReleaseCycle(
                cycle: "3.10",
                endOfLife: .date(date),
                releaseDate: date,
                latest: "3.10",
                latestReleaseDate: date
            ),
            ReleaseCycle(cycle: "yes", endOfLife: .ended, latest: "a \"b\" \\ ü: #"),
            ReleaseCycle(cycle: "<<", endOfLife: .notEnded), ReleaseCycle(cycle: "~", endOfLife: .unknown),
        ]
        return LifecycleCatalogue(products: [
            "node.js": .init(cycles: rows, fetched: date, entityTag: "W/\"x y\""), "no": .init(cycles: []),
            "alpine": .init(cycles: [rows[0]], fetched: date),
        ])
    }

    @Test("The text of a catalogue")
    func text() throws {
        let catalogue = try LifecycleCatalogue(
            yaml:
                "b: [{cycle: 3.10, eol: 2026-11-01, latest: 3.10.2}]\na: []\n_fetched: {b: {on: 2026-11-21, etag: x}}\n",
            file: "eol.yaml"
        )
        #expect(
            try catalogue.yaml() == """
                "a": []
                "b":
                - cycle: "3.10"
                  eol: 2026-11-01
                  latest: "3.10.2"
                "_fetched":
                  "b":
                    on: 2026-11-21
                    etag: "x"

                """
        )
    }

    @Test("A directory that its file system cannot sync takes files, and one whose disk fails does not")
    func unsyncedDirectory() async throws {
        try await TemporaryDirectory.with { directory in
            for (number, code) in [EINVAL, EBADF, EIO].enumerated() {
                let path = "\(directory)/\(number)"
                // The file itself is synced before.
                let rule = failing_calls_begin("fsync", directory, code, 1, -1)
                try #require(rule >= 0)
                defer { failing_call_end(rule) }
                let file = DurableFile(path: path)
                if code == EIO {
                    #expect(throws: (any Error).self) { try file.replace(with: [1, 2]) }
                } else {
                    try file.replace(with: [1, 2])
                    #expect(Files.exists(path))
                }
            }
        }
    }

    @Test("What is written is read back, and written again byte by byte the same")
    func roundTrip() async throws {
        try await TemporaryDirectory.with { directory in
            let file = LifecycleDataFile(path: "\(directory)/eol-data.yaml")
            #expect(try await file.read() == nil)
            let catalogue = try Self.catalogue()
            try await file.write(catalogue)
            let read = try await file.read()
            #expect(read == catalogue)
            #expect(try read?.yaml() == catalogue.yaml())
            try await file.write(LifecycleCatalogue())
            #expect(try await file.read() == LifecycleCatalogue())
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["eol-data.yaml"])
        }
    }

    @Test("A file that is cut off anywhere is an error or fewer rows, and never a trap")
    func truncated() async throws {
        let whole = try Self.catalogue()
        let text = Array(try whole.yaml().utf8)
        for length in 0..<text.count {
            guard let part = String(validating: text[..<length], as: UTF8.self),
                let catalogue = try? LifecycleCatalogue(yaml: part, file: "eol.yaml")
            else { continue }
            for (name, product) in catalogue.products where whole.products[name] != nil {
                #expect(product.cycles.count <= whole.products[name]?.cycles.count ?? 0)
            }
        }
        let error = #expect(throws: ConfigurationError.self) {
            try LifecycleCatalogue(yaml: "alpine:\n- cycle: \"3.2", file: "eol.yaml")
        }
        #expect(error?.description.hasPrefix("eol.yaml:2:") == true)
    }

    @Test("A symbolic link stays one, and what it points at is replaced")
    func symbolicLink() async throws {
        try await TemporaryDirectory.with { directory in
            let link = "\(directory)/link.yaml"
            try "a: []\n".write(toFile: "\(directory)/real.yaml", atomically: false, encoding: .utf8)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "real.yaml")
            try await LifecycleDataFile(path: link).write(try Self.catalogue())
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real.yaml")
            #expect(try await LifecycleDataFile(path: "\(directory)/real.yaml").read() == (try Self.catalogue()))
        }
    }

    @Test("A file beyond 1 MiB, with other bytes than UTF-8, or of which there is a directory, is an error")
    func unreadable() async throws {
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/eol-data.yaml"
            let long = "a: []\n" + String(repeating: "#", count: 1 << 20)
            try long.write(toFile: path, atomically: false, encoding: .utf8)
            await #expect(throws: ConfigurationError.self) { try await LifecycleDataFile(path: path).read() }
            try Data([0x61, 0x3A, 0xFF]).write(to: URL(filePath: path))
            await #expect(throws: ConfigurationError.self) { try await LifecycleDataFile(path: path).read() }
            await #expect(throws: Lifecycle.FileError.self) { try await LifecycleDataFile(path: directory).read() }
        }
    }

    @Test("A catalogue whose text could not be read again is not written")
    func tooLarge() async throws {
        try await TemporaryDirectory.with { directory in
            let file = LifecycleDataFile(path: "\(directory)/eol-data.yaml")
            let rows = (0..<2000).map { ReleaseCycle(cycle: "\($0)", latest: String(repeating: "x", count: 128)) }
            let products = (0..<8).map { ("p\($0)", LifecycleCatalogue.Product(cycles: rows)) }
            let catalogue = LifecycleCatalogue(products: Dictionary(uniqueKeysWithValues: products))
            await #expect(throws: Lifecycle.FileError.self) { try await file.write(catalogue) }
            let content = try await file.read()
            #expect(content == nil)
        }
    }
}
