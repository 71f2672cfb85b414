import OCI

/// Names that were lost with an index and are awaited: until then a collection would take what they need for garbage.
struct LackingNames: Hashable, Sendable {
    /// Those that are known.
    var names: Set<ImageReference>
    /// Until when others are awaited, in seconds since 1970; `.max` means a run that has recorded all tags that are wanted.
    var end: Int64

    func isOver(at now: Int64) -> Bool { names.isEmpty && end <= now }

    /// Awaits what the other does, too.
    mutating func formUnion(_ other: LackingNames) {
        names.formUnion(other.names)
        end = max(end, other.end)
    }
}

extension MetaRows {
    /// What is noted; `nil` when nothing is awaited.
    func notedLackingNames() throws -> LackingNames? {
        guard let text = try value(of: Key.lacksNames) else { return nil }
        let end = try text == "1" ? value(of: Key.lacksOthers) : text
        let names = try restoration()?.lostNames.compactMap { try? ImageReference($0) } ?? []
        return LackingNames(names: Set(names), end: end.flatMap(Int64.init) ?? .max)
    }

    /// What is awaited, without the names that are back.
    func lackingNames() throws -> LackingNames? {
        guard var lacking = try notedLackingNames() else { return nil }
        lacking.names = try lacking.names.filter { name in
            try name.tag.flatMap { try db.names.digest(of: $0, in: name.location) } == nil
        }
        return lacking
    }

    /// Notes what is awaited after an index was restored; in a form that earlier versions wait for, too.
    func record(_ lacking: LackingNames, after restoration: IndexRestoration, at now: Int64) throws {
        try record(
            IndexRestoration(
                restoredAt: restoration.restoredAt,
                source: restoration.source,
                lostNames: lacking.names.map(\.description).sorted()
            )
        )
        guard !lacking.isOver(at: now) else { return try endLack() }
        let end = lacking.end == .max ? nil : lacking.end
        try set(Key.lacksNames, to: lacking.names.isEmpty ? end.map(String.init) ?? "1" : "1")
        try note(lacking.names.isEmpty ? nil : end, as: Key.lacksOthers)
    }

    /// Notes which names are back, so that they are not awaited again when they go.
    func settleLackingNames(at now: Int64) throws {
        guard let lacking = try lackingNames(), let restoration = try restoration() else { return }
        try record(lacking, after: restoration, at: now)
    }

    /// Notes that nothing is awaited.
    func endLack() throws {
        try remove(Key.lacksNames)
        try remove(Key.lacksOthers)
    }
}
