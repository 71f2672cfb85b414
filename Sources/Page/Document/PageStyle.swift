import FoundationEssentials
import NIOCore
import OCI

/// The page's style sheet, the only thing in it that is neither text nor a link.
enum PageStyle {
    /// The value of `Content-Security-Policy`: the style sheet by its hash, the icon, the search, and nothing else.
    static let policy: String = {
        let hash = Data(Digest.of(ByteBuffer(string: text)).bytes).base64EncodedString()
        return "default-src 'none'; style-src 'sha256-\(hash)'; img-src data:; form-action 'self'; "
            + "base-uri 'none'; frame-ancestors 'none'"
    }()

    static let text = colours + layout + tables + narrow

    private static let colours = """
        :root{color-scheme:light dark;--ground:#fff;--raised:#f3f5f7;--line:#d3d8de;--text:#1b1f24;--quiet:#545d68;
        --link:#0a55a3;--bar:#0a55a3;--bad:#a8201a;--warn:#764b00;--good:#1a6334}
        @media (prefers-color-scheme:dark){:root{--ground:#14181d;--raised:#1e242b;--line:#3a434d;--text:#e6e9ec;
        --quiet:#a7b0bb;--link:#86bdf5;--bar:#6aa9ea;--bad:#ffb3ab;--warn:#f0c36d;--good:#8fd6a8}}

        """

    private static let layout = """
        *{box-sizing:border-box}
        body{margin:0;background:var(--ground);color:var(--text);
        font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
        header,main,footer{max-width:84rem;margin:0 auto;padding:0 1rem}
        header{display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:center;justify-content:space-between;
        padding-top:1rem;padding-bottom:1rem;border-bottom:1px solid var(--line)}
        .brand{margin:0;font-weight:700;font-size:1.25rem}
        .brand a{color:inherit;text-decoration:none}
        a{color:var(--link)}
        :focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
        main:focus{outline:none}
        .skip{position:absolute;left:-100vw}
        .skip:focus{left:1rem;top:.5rem;padding:.5rem 1rem;background:var(--ground);z-index:1}
        form{display:flex;flex-wrap:wrap;gap:.25rem .5rem;align-items:center;flex:0 1 32rem}
        label{font-size:.875rem;color:var(--quiet);width:100%}
        input,button{font:inherit;color:inherit;border:1px solid var(--quiet);border-radius:.375rem;
        padding:.375rem .75rem;min-height:2.75rem;background:var(--ground)}
        input{flex:1 1 10rem;min-width:0}
        button{background:var(--raised);cursor:pointer}
        h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .5rem}
        h2{font-size:1.125rem;margin:1.5rem 0 .5rem}
        h3{font-size:1rem;margin:.75rem 0 .25rem}
        p{margin:.5rem 0;max-width:60rem}
        .alert{font-weight:600}
        .above{display:flex;flex-wrap:wrap;gap:0 2rem;max-width:none}
        .sort a,.sort strong{margin-left:.5rem}
        dl{margin:.5rem 0}
        dd{margin:0}
        dt{color:var(--quiet);font-size:.875rem}
        .strip{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem}
        .strip div{display:flex;gap:.375rem;align-items:baseline}
        .strip dd{font-weight:600;font-variant-numeric:tabular-nums}
        .facts div,.pulls div{display:grid;grid-template-columns:minmax(7rem,14rem) minmax(0,1fr);gap:0 .75rem;
        padding:.125rem 0}
        .pulls div{grid-template-columns:6rem minmax(0,1fr)}
        footer{margin-top:2rem;padding-top:1rem;padding-bottom:1.5rem;border-top:1px solid var(--line)}
        footer,.quiet{color:var(--quiet);font-size:.875rem}
        nav{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:center;margin:1rem 0}
        code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        .pull,.digest{user-select:all}
        .lines .pull{display:block;color:var(--quiet);font-size:.8125rem}
        .digest{word-break:break-all}
        details{border:1px solid var(--line);border-radius:.375rem;padding:.375rem .75rem;margin:.5rem 0}
        summary{cursor:pointer}
        summary>*{margin-right:1rem}

        """

    private static let tables = """
        table{width:100%;border-collapse:collapse;margin:.75rem 0;font-size:.9375rem}
        th,td{text-align:left;vertical-align:top;padding:.375rem .75rem .375rem 0}
        th:last-child,td:last-child{padding-right:0}
        thead th{font-size:.8125rem;font-weight:600;color:var(--quiet);border-bottom:1px solid var(--line);
        white-space:nowrap;vertical-align:bottom}
        tbody{border-bottom:1px solid var(--line)}
        tbody th{font-weight:600;min-width:17rem}
        .list tbody tr+tr>*{border-top:1px solid var(--line)}
        .number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
        .tags{min-width:10rem}
        .lines{width:44%}
        .lines li+li{margin-top:.25rem}
        .tag{font-weight:600}
        .nowrap{white-space:nowrap}
        ul{list-style:none;margin:0;padding:0}
        ul.inline{display:flex;flex-wrap:wrap;gap:0 .75rem}
        .parts{margin:.25rem 0;padding-left:1.5rem}
        ul.parts{padding-left:0}
        .parts li{margin:.25rem 0}
        .failures{margin:0 0 .75rem 1rem}
        .ended{color:var(--bad);font-weight:600}
        .soon,.incomplete{color:var(--warn);font-weight:600}
        .supported{color:var(--good)}
        progress{width:8rem;max-width:100%;height:.75rem;accent-color:var(--bar)}

        """

    private static let narrow = """
        @media (max-width:56rem){
        table,tbody,tr,th,td{display:block;width:auto;min-width:0}
        thead{position:absolute;left:-200vw}
        tbody{padding:.5rem 0}
        tbody tr+tr{margin-top:.5rem;padding-top:.5rem;border-top:1px dashed var(--line)}
        th,td,tbody th{padding:.125rem 0;min-width:0}
        td{display:grid;grid-template-columns:7.5rem minmax(0,1fr);gap:0 .5rem}
        td::before{content:attr(data-label);color:var(--quiet);font-size:.875rem}
        .lines{width:auto}
        td.empty{display:none}
        td.wide{display:block}
        td.wide::before{content:none}
        .number{text-align:left}
        form{flex:1 1 100%}
        .list tbody tr+tr{margin-top:.25rem;padding-top:.25rem;border-top:1px solid var(--line)}
        .list tbody tr+tr>*{border-top:0}
        .list th{padding:0}
        .list td{display:inline;padding:0;font-size:.8125rem;line-height:1.375}
        .list td.empty{display:none}
        .list td::before{content:none}
        .list td.named::before{content:attr(data-label) " ";font-size:.8125rem}
        .list td::after{content:" · ";color:var(--quiet)}
        .list td:last-child::after{content:none}
        .list ul.inline,.list li{display:inline}
        .facts div,.pulls div{grid-template-columns:minmax(0,1fr)}
        .facts div+div,.pulls div+div{margin-top:.25rem}
        }
        """
}
