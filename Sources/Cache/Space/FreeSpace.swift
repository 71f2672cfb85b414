import CLinux

/// How much of the disk the cache leaves to others.
struct FreeSpace: Sendable {
    let store: Store

    /// The floor where none is configured, in bytes: 5 % of the disk and at least 1 GiB, but never more than a tenth.
    static func standardFloor(total: Int64) -> Int64 {
        min(max(1 << 30, total / 20), total / 10)
    }

    private var disk: CInt { store.directory.root.file.descriptor }

    /// The bytes that are free on the disk; negative where the system does not tell.
    var free: Int64 { clinux_free_bytes(disk) }

    /// The bytes that stay free on the disk; no download begins that would take them.
    var floor: Int64 { store.configuration.minimumFree ?? Self.standardFloor(total: clinux_total_bytes(disk)) }

    /// Whether less is free than has to stay so.
    var isLacking: Bool {
        let free = free
        return free >= 0 && free < floor
    }
}
