import FoundationEssentials
import GRDB
import OCI
import TestSupport

extension Campaign {
    /// Another process reads a large cache while syncs write to it: nobody who writes waits for long.
    ///
    /// The index holds as many rows as are asked for; there are no files for them, at which neither command looks.
    package static func largeCache(blobs count: Int, patience: Duration = .milliseconds(250)) async throws -> Figures {
        let ledger = Ledger("readers of a large cache beside writers")
        try await SyncWork.with { work async throws in
            try await Scratch.with { directory async throws in
                try await work.expectSuccess("before", in: directory, target: 0, ledger)
                let large = LargeCache(work: work, directory: directory, ledger: ledger)
                let images = try large.fill(count)
                let waits = try await large.readBesideWriters(expecting: images + work.images.count)
                if waits.longest > patience {
                    ledger.problem("a write waited \(waits.longest) where \(patience) is the limit")
                }
                ledger.remark("\(count) blobs, \(images) images; \(waits)")
            }
        }
        return ledger.figures
    }
}

/// What took how long beside each other.
private struct Waits: CustomStringConvertible {
    var writes = 0
    var longest = Duration.zero
    var stats = Duration.zero
    var firstPage = Duration.zero

    var description: String {
        "\(writes) writes, the longest \(longest); stats \(stats), first lines of ls \(firstPage)"
    }
}

private struct LargeCache {
    private static let layers = 9
    private static let repositoryTags = 200

    let work: SyncWork
    let directory: String
    let ledger: Ledger

    private var cache: String { "\(directory)/cache" }

    /// Adds rows of images that nothing else names: a manifest, a config and layers each.
    ///
    /// - Returns: how many images.
    func fill(_ count: Int) throws -> Int {
        let queue = try DatabaseQueue(path: "\(cache)/index.sqlite")
        defer { try? queue.close() }
        let images = count / (Self.layers + 2)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000")
            try db.inTransaction {
                for number in 0..<images { try Self.add(db, image: number) }
                return .commit
            }
        }
        return images
    }

    private static func key(_ number: Int) -> Data {
        var generator = SeededGenerator(number)
        return Data([1]) + Data((0..<4).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } })
    }

    private static func add(_ db: Database, image number: Int) throws {
        let base = number * (layers + 2)
        let manifest = key(base)
        let blob = try db.cachedStatement(
            sql: "INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?, ?, 'ok', 1, 1)"
        )
        for part in 0..<(layers + 2) { try blob.execute(arguments: [key(base + part), 1000 + part]) }
        try db.cachedStatement(sql: "INSERT INTO manifests (digest, media_type) VALUES (?, ?)")
            .execute(arguments: [manifest, MediaType.ociManifest.description])
        let edge = try db.cachedStatement(
            sql: "INSERT INTO edges (parent, kind, position, child, media_type, size) VALUES (?, ?, ?, ?, ?, ?)"
        )
        for part in 1..<(layers + 2) {
            let kind = part == 1 ? "config" : "layer"
            try edge.execute(arguments: [manifest, kind, part, key(base + part), "application/x", 1000 + part])
        }
        try db.cachedStatement(
            sql: """
                INSERT INTO names (host, repository, reference, is_whole, digest, updated_at, bytes)
                VALUES ('large.example', ?, ?, 1, ?, 1, ?)
                """
        ).execute(arguments: ["r\(number / repositoryTags)", "t\(number)", manifest, (layers + 2) * 1000])
    }

    /// Runs what looks at the cache, beside a writer and syncs.
    func readBesideWriters(expecting tags: Int) async throws -> Waits {
        let isOver = Watched(false)
        return try await withThrowingTaskGroup(of: Waits.self) { group in
            group.addTask { try await write(until: isOver) }
            group.addTask {
                var number = 1
                while !isOver.value {
                    _ = try await work.program(in: directory, target: number).run()
                    for text in try work.takeTarget(number) { ledger.repair("beside readers: \(text)") }
                    number += 1
                }
                return Waits()
            }
            group.addTask {
                defer { isOver.update { $0 = true } }
                return try await read(expecting: tags)
            }
            return try await group.reduce(into: Waits()) { sum, waits in
                sum.writes += waits.writes
                sum.longest = max(sum.longest, waits.longest)
                sum.stats = max(sum.stats, waits.stats)
                sum.firstPage = max(sum.firstPage, waits.firstPage)
            }
        }
    }

    /// Writes one row again and again, each in a transaction of its own.
    private func write(until isOver: Watched<Bool>) async throws -> Waits {
        var configuration = Configuration()
        configuration.busyMode = .timeout(60)
        let queue = try DatabaseQueue(path: "\(cache)/index.sqlite", configuration: configuration)
        defer { try? queue.close() }
        var waits = Waits()
        while !isOver.value {
            let start = ContinuousClock.now
            try await queue.write { [writes = waits.writes] db in
                try db.execute(
                    sql: "INSERT OR REPLACE INTO meta (key, value) VALUES ('rig', ?)",
                    arguments: ["\(writes)"]
                )
            }
            waits.longest = max(waits.longest, ContinuousClock.now - start)
            waits.writes += 1
        }
        return waits
    }

    private func read(expecting tags: Int) async throws -> Waits {
        var waits = Waits()
        for _ in 0..<3 {
            let stats = try await timed(["cache", "stats"], &waits.stats)
            if !stats.contains(" \(tags)\n") { ledger.problem("stats: \(stats)") }
            ledger.countCase()
        }
        // Whoever has seen enough of a list goes away.
        let script = "\"$@\" | head -n 100"
        let list = FaultedProgram(.imglife, ["cache", "ls", "--cache-dir", cache], cache: cache)
        let start = ContinuousClock.now
        let lines = try await Tool.run("sh", ["-c", script, "sh"] + list.command)
        waits.firstPage = ContinuousClock.now - start
        if lines.output.split(separator: "\n").count != 100 { ledger.problem("ls: \(lines.output.prefix(500))") }
        ledger.countCase()
        return waits
    }

    private func timed(_ arguments: [String], _ longest: inout Duration) async throws -> String {
        let program = FaultedProgram(.imglife, arguments + ["--cache-dir", cache], cache: cache)
        let start = ContinuousClock.now
        let result = try await program.run()
        longest = max(longest, ContinuousClock.now - start)
        if result.status != 0 { ledger.problem("\(arguments): \(result.errors)") }
        return result.output
    }
}
