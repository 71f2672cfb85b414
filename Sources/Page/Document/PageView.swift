/// What the template shows; its properties have the names that stand in braces there.
///
/// A name that is absent in a part is looked up in the parts around it: what can be absent has a name of its own.
struct PageView {
    var title: String
    let style = PageStyle.text
    var query = ""
    var heading: String
    /// After how many seconds the browser asks again; `nil` while nothing changes.
    var reload: String?
    var isEmpty = false
    var overview: Overview?
    var listing: Listing?
    var repository: Repository?
    var image: Image?
    /// Why there is nothing to show.
    var missing: String?
    var pages: Pages?
    var counted: Moment

    /// The page that says that there is nothing.
    func missing(_ text: String) -> PageView {
        var view = self
        view.heading = "Not found"
        view.title = "Not found · imglife"
        view.missing = text
        return view
    }

    struct Moment {
        let machine: String
        let exact: String
        let age: String

        init(_ time: PageTime) {
            machine = time.machine
            exact = time.exact
            age = time.age
        }
    }

    struct Pair {
        let label: String
        let value: String
    }

    struct Alert {
        let alertKind: String
        let alertLink: String
        let text: String
    }

    struct Overview {
        let figures: [Pair]
        let started: Moment
        let alerts: [Alert]
        let downloads: [Download]
        let furtherDownloads: String?
        let hasDownloads: Bool
        let isBusy: Bool
        let hasRuns: Bool
        let noRuns: Bool
        let runs: [Run]
    }

    struct Download {
        let cutDigest: String
        let wholeDigest: String
        let place: String
        let size: Int64
        let arrived: Int64
        let share: String
    }

    struct Run {
        let began: Moment
        let lasted: String
        let result: String
        let failed: String?
        let problem: String?
        let failures: [Failure]
        let furtherFailures: String?
    }

    struct Failure {
        let place: String
        let reason: String
    }

    struct OrderLink {
        let order: String
        let orderLink: String?
    }

    /// A line that pulls something.
    struct Pull {
        let client: String
        let command: String
    }

    struct Pages {
        let pageNumber: Int
        let pageCount: Int
        let previousPage: String?
        let nextPage: String?
    }
}
