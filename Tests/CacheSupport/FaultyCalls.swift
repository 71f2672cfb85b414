import FailingCalls
import Testing

/// Runs a test while a system call of this process, by its name in `FailingCalls.h`, fails on the files whose path contains a
/// text: all such calls, or so many after the first ones; without a code it waits until `body` has ended.
@discardableResult
package func withFaulty<R>(
    _ call: String,
    on part: String,
    code: CInt? = nil,
    after first: Int = 0,
    times: Int = -1,
    _ body: (_ count: () -> Int) async throws -> R
) async throws -> R {
    let rule = failing_calls_begin(call, part, code ?? 0, CInt(first), CInt(times))
    try #require(rule >= 0)
    defer { failing_call_end(rule) }
    return try await body { Int(failing_call_count(rule)) }
}
