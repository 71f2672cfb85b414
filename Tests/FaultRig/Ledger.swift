import OCI
import Synchronization

/// What a campaign has found.
package struct Figures: Sendable {
    package let name: String
    package var cases = 0
    /// Blobs whose bytes were not those that their names said.
    package var corrupt = 0
    /// Blobs or tags that had been acknowledged and were gone, and other breaches of the order of commits.
    package var lost = 0
    /// Times that the next run did not put everything right by itself.
    package var repairs = 0
    /// All that must not be, the counted things included; the first few of them.
    package var problems: [String] = []
    /// How many problems there were.
    package var problemCount = 0
    /// More figures, for people.
    package var remark = ""
    /// Why nothing was done, or not all.
    package var skipped: String?
    /// For a negative control: how often the rig saw the fault that was built in.
    package var caught: Int?

    /// Whether the campaign ran and reached its goal; a control must be caught, and everything else find nothing.
    package var isGood: Bool {
        if skipped != nil { return false }
        return caught.map { $0 > 0 } ?? (problemCount == 0 && cases > 0)
    }
}

/// Where the cases of a campaign, which run side by side, put what they find.
final class Ledger: Sendable {
    private static let problemLimit = 12

    private let state: Mutex<Figures>

    init(_ name: String) { state = Mutex(Figures(name: name)) }

    var figures: Figures { state.withLock { $0 } }

    func countCase() { state.withLock { $0.cases += 1 } }

    func remark(_ text: String) { state.withLock { $0.remark = text } }

    func skip(_ reason: String) { state.withLock { $0.skipped = reason } }

    /// Counts a control's case.
    func control(caught: Bool) { state.withLock { $0.caught = ($0.caught ?? 0) + (caught ? 1 : 0) } }

    func problem(_ text: String) { state.withLock { Self.add(text, &$0) } }

    /// Somebody was given wrong bytes.
    func wrong(_ text: String) {
        state.withLock { figures in
            figures.corrupt += 1
            Self.add(text, &figures)
        }
    }

    /// Something that only a person could have put right.
    func repair(_ text: String) {
        state.withLock { figures in
            figures.repairs += 1
            Self.add(text, &figures)
        }
    }

    /// Puts down what an examination found, of the cache itself and beside what programs had said is safe.
    func enter(_ place: String, _ examination: Examination, _ acknowledged: Acknowledged = Acknowledged()) {
        let lost = acknowledged.lost(examination)
        state.withLock { figures in
            figures.corrupt += examination.corrupt.count
            figures.lost += examination.broken.count + lost.count
            for text in examination.corrupt { Self.add("\(place): wrong bytes: \(text)", &figures) }
            for text in examination.broken + lost { Self.add("\(place): \(text)", &figures) }
        }
    }

    /// As ``enter(_:_:_:)``, of a cache on which nothing has gone wrong since a command worked on it: files and index agree
    /// in both directions.
    func enterSettled(_ place: String, _ examination: Examination) {
        enter(place, examination)
        state.withLock { figures in
            figures.lost += examination.unrecorded.count
            for digest in examination.unrecorded.sorted() { Self.add("\(place): not recorded: \(digest)", &figures) }
        }
    }

    private static func add(_ text: String, _ figures: inout Figures) {
        figures.problemCount += 1
        if figures.problems.count < problemLimit { figures.problems.append(text) }
    }
}
