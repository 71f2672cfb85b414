import OCI
import TestSupport

/// What a cache must still be good for after anything went wrong with it, by the commands that people have.
struct Aftermath: Sendable {
    let work: SyncWork
    let directory: String
    let ledger: Ledger
    /// Whether others have worked on it than the commands that are run here, on something else: what they left goes with the
    /// collection.
    var isShared = false

    private var cache: String { "\(directory)/cache" }

    /// A sync, an export, an import of that elsewhere, a collection without grace and a verification all work.
    ///
    /// What does not is something that only a person could put right. The files and the index must then agree, in both
    /// directions: also what others had left that no command met has been collected.
    func expectUsable(_ place: String, target number: Int) async throws {
        let asideBefore = try putAside()
        try await work.expectCopies(place, in: directory, target: number, ledger)
        let synced = try Examination(cache)
        if isShared {
            ledger.enter("\(place), synced", synced)
        } else {
            ledger.enterSettled("\(place), synced", synced)
        }
        try await expectExport(place, target: number, ["--offline"])
        try await expect(place, ["cache", "gc", "--grace", "0s"], cache)
        try await expect(place, ["cache", "verify"], cache)
        let last = try Examination(cache)
        ledger.enterSettled("\(place), collected", last)
        expectImages(last, "\(place), collected")
        let aside = try putAside().subtracting(asideBefore)
        if !aside.isEmpty { ledger.problem("\(place): put aside: \(aside.sorted())") }
    }

    /// An export of what a run's file asks for works, and so does an import of that elsewhere.
    func expectExport(_ place: String, target number: Int, _ options: [String] = []) async throws {
        let archive = "\(directory)/\(number).tar"
        try await expect(
            place,
            ["export", "--config", "\(directory)/\(number).yaml", "-o", archive] + options,
            cache
        )
        if Files.exists(archive) { try await importElsewhere(archive, place) }
    }

    /// What is in quarantine: what a fault has damaged may be.
    private func putAside() throws -> Set<String> {
        let quarantine = "\(cache)/quarantine"
        return Files.exists(quarantine) ? Set(try Files.list(quarantine)) : []
    }

    private func importElsewhere(_ archive: String, _ place: String) async throws {
        let elsewhere = "\(directory)/elsewhere"
        try await expect(place, ["import", archive], elsewhere)
        let examination = try Examination(elsewhere)
        ledger.enterSettled("\(place), imported elsewhere", examination)
        expectImages(examination, "\(place), imported elsewhere")
        try Files.remove(archive)
        if Files.exists(elsewhere) { try Files.remove(elsewhere) }
    }

    private func expectImages(_ examination: Examination, _ place: String) {
        let found = Set(examination.tags.values)
        let lacking = work.images.count { !found.contains($0.digest) }
        if lacking > 0 { ledger.repair("\(place): \(lacking) of \(work.images.count) images have no name") }
    }

    private func expect(_ place: String, _ arguments: [String], _ cache: String) async throws {
        let isLong = ["export", "import"].contains(arguments[0])
        let options = ["--cache-dir", cache] + (isLong ? ["--progress", "none"] : [])
        var program = FaultedProgram(.imglife, arguments + options, cache: cache)
        program.directory = directory
        let result = try await program.run()
        guard result.status != 0 else { return }
        let words = "\(result.output.suffix(300))\(result.errors.suffix(300))"
        ledger.repair("\(place): \(arguments.prefix(2).joined(separator: " ")): \(result.status) \(words)")
    }
}
