import GRDB
import NIOCore

/// How many rows a table of the index has, as a program beside the cache sees it.
func count(_ table: String, in path: String) throws -> Int {
    let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
    defer { try? queue.close() }
    return try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } ?? 0
}

extension ByteBuffer {
    mutating func flipByte(at offset: Int) {
        setInteger(~(getInteger(at: offset, as: UInt8.self) ?? 0), at: offset)
    }
}
