import FoundationEssentials
import Lifecycle
import OCI
import Synchronization
import TestSupport
import Testing

/// A service that gives prepared answers and remembers what it was asked.
private final class ScriptedSource: LifecycleSource {
    struct Down: Error, CustomStringConvertible {
        let description = "connection refused\u{1b}[2J"
    }

    private let answers: [String: Result<LifecycleAnswer, any Error>]
    private let log = Mutex<[String]>([])

    private let meanwhile: @Sendable () async throws -> Void

    init(
        _ answers: [String: Result<LifecycleAnswer, any Error>],
        meanwhile: @escaping @Sendable () async throws -> Void = {}
    ) {
        (self.answers, self.meanwhile) = (answers, meanwhile)
    }

    var asked: [String] { log.withLock { $0 } }

    func rows(for product: ProductName, entityTag: String?) async throws -> LifecycleAnswer {
        log.withLock { $0.append(entityTag.map { "\(product) \($0)" } ?? "\(product)") }
        try await meanwhile()
        return try (answers[product.description] ?? .failure(Down())).get()
    }

    static func json(_ text: String, entityTag: String? = nil) -> Result<LifecycleAnswer, any Error> {
        .success(.cycles(Array(text.utf8), entityTag: entityTag))
    }
}

@Suite(.timeLimit(.minutes(10)))
struct LifecycleUpdateTests {
    private let today: CalendarDate
    private let yesterday: CalendarDate

    init() throws {
        today = try #require(CalendarDate("2026-11-21"))
        yesterday = try #require(CalendarDate("2026-11-20"))
    }

    private func copy(_ cycle: String, fetched: CalendarDate?) -> LifecycleCatalogue.Product {
        .init(cycles: [ReleaseCycle(cycle: cycle, endOfLife: .ended)], fetched: fetched, entityTag: "\"old\"")
    }

    private func update(
        _ source: ScriptedSource,
        provider: LifecycleOptions.Provider = .endoflife
    ) -> LifecycleUpdate {
        LifecycleUpdate(provider: provider, source: source, today: today)
    }

    @Test("New rows replace old ones, an unchanged answer is as good, and each product is asked for once")
    func refresh() async throws {
        let source = ScriptedSource([
            "alpine": ScriptedSource.json(#"[{"cycle": "3.21"}]"#, entityTag: "\"new\""),
            "debian": .success(.notModified),
        ])
        let catalogue = LifecycleCatalogue(products: [
            "alpine": copy("3.20", fetched: yesterday), "debian": copy("12", fetched: yesterday),
            "other": copy("1", fetched: nil),
        ])
        let result = try await update(source).refresh(catalogue, products: ["debian", "alpine", "alpine"])
        #expect(source.asked == ["alpine \"old\"", "debian \"old\""])
        let fresh = LifecycleCatalogue.Product(
            cycles: [ReleaseCycle(cycle: "3.21")],
            fetched: today,
            entityTag: "\"new\""
        )
        #expect(
            result.catalogue.products == [
                "alpine": fresh, "debian": copy("12", fetched: today), "other": copy("1", fetched: nil),
            ]
        )
        #expect(result.hasChanged)
        #expect(result.warnings.isEmpty)
    }

    @Test("What was fetched today is asked for again only when that is forced")
    func fetchedToday() async throws {
        let source = ScriptedSource(["alpine": .success(.notModified)])
        let catalogue = LifecycleCatalogue(products: ["alpine": copy("3.20", fetched: today)])
        let result = try await update(source).refresh(catalogue, products: ["alpine"])
        #expect(source.asked.isEmpty)
        #expect(result.catalogue == catalogue)
        #expect(!result.hasChanged)
        let forced = try await update(source).refresh(catalogue, products: ["alpine"], isForced: true)
        #expect(source.asked == ["alpine \"old\""])
        #expect(forced.catalogue == catalogue)
        #expect(!forced.hasChanged)
    }

    @Test("While the service is down the last copies stay, marked stale, and it is not asked for ever")
    func serviceDown() async throws {
        let source = ScriptedSource([:])
        let catalogue = LifecycleCatalogue(products: [
            "a": copy("1", fetched: yesterday), "b": copy("1", fetched: nil), "d": copy("1", fetched: today),
        ])
        let result = try await update(source).refresh(catalogue, products: ["a", "b", "c", "d"])
        #expect(source.asked == ["a \"old\"", "b \"old\""])
        #expect(result.catalogue.products.mapValues(\.isStale) == ["a": true, "b": true, "d": false])
        #expect(result.catalogue.products["a"]?.cycles == catalogue.products["a"]?.cycles)
        #expect(!result.hasChanged)
        #expect(
            result.warnings.map(\.description) == [
                "end of life of 'a' could not be refreshed: connection refused\\u{1b}[2J; the copy of 2026-11-20 is used",
                "end of life of 'b' could not be refreshed: connection refused\\u{1b}[2J; the data file's rows are used",
                "end of life of 'c' could not be refreshed: the service was not asked again after it had failed; "
                    + "there is no earlier copy",
            ]
        )
        #expect(result.warnings.allSatisfy { $0.kind == .unreachable })
    }

    @Test("An unknown product is a warning, with or without rows of its own")
    func unknownProduct() async throws {
        let source = ScriptedSource(["a": .success(.unknownProduct), "b": .success(.unknownProduct)])
        let catalogue = LifecycleCatalogue(products: ["b": copy("1", fetched: yesterday)])
        let result = try await update(source).refresh(catalogue, products: ["a", "b", "../../x", "C++"])
        #expect(source.asked == ["a", "b \"old\""])
        #expect(result.warnings.map(\.kind) == Array(repeating: .unknownProduct, count: 4))
        #expect(result.warnings.map(\.product) == ["../../x", "C++", "a", "b"])
        #expect(Set(result.catalogue.products.keys) == ["b"])
        #expect(result.catalogue.products["b"]?.isStale == true)
    }

    @Test(
        "An answer that is no list of cycles leaves the copy as it is",
        arguments: ["", "<html>", "{}", "[]", "[{}]", #"[{"cycle": "1"}"#]
    )
    func garbage(text: String) async throws {
        let source = ScriptedSource(["a": ScriptedSource.json(text)])
        let catalogue = LifecycleCatalogue(products: ["a": copy("1", fetched: yesterday)])
        let result = try await update(source).refresh(catalogue, products: ["a"])
        #expect(result.warnings.map(\.kind) == [.unusableAnswer])
        #expect(result.catalogue.products["a"]?.cycles == catalogue.products["a"]?.cycles)
        #expect(result.catalogue.products["a"]?.isStale == true)
        #expect(!result.hasChanged)
    }

    @Test("'Not modified' without a copy is no answer")
    func notModifiedWithoutCopy() async throws {
        let result = try await update(ScriptedSource(["a": .success(.notModified)]))
            .refresh(LifecycleCatalogue(), products: ["a"])
        #expect(result.warnings.map(\.kind) == [.unusableAnswer])
        #expect(result.catalogue.products.isEmpty)
    }

    @Test("The local provider never asks")
    func local() async throws {
        let source = ScriptedSource(["a": .success(.notModified), "b": .success(.notModified)])
        let catalogue = LifecycleCatalogue(products: ["a": copy("1", fetched: yesterday)])
        let result = try await update(source, provider: .local)
            .refresh(catalogue, products: ["a", "b"], isForced: true)
        #expect(source.asked.isEmpty)
        #expect(result.catalogue == catalogue)
        #expect(result.warnings.map(\.description) == ["end of life of 'b': the data file does not have it"])
    }

    @Test("Cancellation is thrown and becomes no warning")
    func cancellation() async throws {
        let source = ScriptedSource(["a": .failure(CancellationError())])
        let update = update(source)
        await withThrowingTaskGroup(of: LifecycleUpdate.Result.self) { group in
            group.cancelAll()
            group.addTask { try await update.refresh(LifecycleCatalogue(), products: ["a"]) }
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }

    @Test("A run reads the file, refreshes, and writes it; the next one that day asks and writes nothing")
    func wholeRun() async throws {
        try await TemporaryDirectory.with { directory in
            let file = LifecycleDataFile(path: "\(directory)/eol-data.yaml")
            let source = ScriptedSource(["alpine": ScriptedSource.json(#"[{"cycle": "3.21", "eol": false}]"#)])
            let first = try await update(source).run(file: file, products: ["alpine"])
            #expect(first.warnings.isEmpty)
            #expect(try await file.read() == first.catalogue)
            let second = try await update(source).run(file: file, products: ["alpine"])
            #expect(second.catalogue == first.catalogue)
            #expect(source.asked == ["alpine"])
        }
    }

    @Test("What another process writes into the file while the service is asked stays in it")
    func writtenMeanwhile() async throws {
        try await TemporaryDirectory.with { directory in
            let file = LifecycleDataFile(path: "\(directory)/eol-data.yaml")
            let (other, own) = (copy("12", fetched: today), copy("3.20", fetched: yesterday))
            try await file.write(LifecycleCatalogue(products: ["alpine": own]))
            let source = ScriptedSource(["alpine": ScriptedSource.json(#"[{"cycle": "3.21"}]"#)]) {
                try await file.write(LifecycleCatalogue(products: ["alpine": own, "debian": other]))
            }
            let result = try await update(source).run(file: file, products: ["alpine"])
            let written = try #require(try await file.read())
            #expect(written.products["alpine"] == result.catalogue.products["alpine"])
            #expect(written.products["debian"] == other)
        }
    }

    @Test("A file that cannot be read is a warning, and is not overwritten")
    func unreadableFile() async throws {
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/eol-data.yaml"
            try "alpine: [{cycle: 1}, {}, {}]\n".write(toFile: path, atomically: false, encoding: .utf8)
            let source = ScriptedSource(["alpine": ScriptedSource.json(#"[{"cycle": "3.21"}]"#)])
            let result = try await update(source).run(file: LifecycleDataFile(path: path), products: ["alpine"])
            #expect(result.warnings.map(\.kind) == [.unreadableFile])
            #expect(
                result.warnings.first?.description == "\(path):1:22: alpine[1]: the key 'cycle' is missing (and 1 more)"
            )
            #expect(result.catalogue.products["alpine"]?.cycles == [ReleaseCycle(cycle: "3.21")])
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "alpine: [{cycle: 1}, {}, {}]\n")
        }
    }

    @Test("A file that cannot be written is a warning")
    func unwritableFile() async throws {
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/missing/eol-data.yaml"
            let source = ScriptedSource(["alpine": ScriptedSource.json(#"[{"cycle": "1"}]"#)])
            let result = try await update(source).run(file: LifecycleDataFile(path: path), products: ["alpine"])
            #expect(result.warnings.map(\.description) == ["cannot write \(path): No such file or directory"])
            #expect(result.warnings.map(\.kind) == [.unwritableFile])
        }
    }
}
