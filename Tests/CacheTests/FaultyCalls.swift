import FailingCalls
import Testing

/// Runs a test while a system call of this process (`readdir`, `ftruncate`, `fsync`, `renameat`, `unlinkat`, `fstatat`) fails on the
/// files whose path contains a text; without a code it waits until `body` has ended.
@discardableResult
func withFaulty<R>(
    _ call: String,
    on part: String,
    code: CInt? = nil,
    _ body: (_ count: () -> Int) async throws -> R
) async throws -> R {
    let rule = failing_call_begin(call, part, code ?? 0)
    try #require(rule >= 0)
    defer { failing_call_end(rule) }
    return try await body { Int(failing_call_count(rule)) }
}
