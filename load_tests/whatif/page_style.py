"""The look of the report: quiet, light and dark, from a phone to a wall; no font or picture from elsewhere."""

from typing import Final

STYLE: Final = """
:root{--bg:#fbfaf7;--card:#fff;--ink:#23272e;--soft:#667080;--line:#e3e1da;--a:#2f6f9f;--b:#c8702a;--c:#5b8a4a;--d:#8a5a9c;
--heat:#2f6f9f;--warn:#b3403a}
@media(prefers-color-scheme:dark){:root{--bg:#15181c;--card:#1d2126;--ink:#e6e4df;--soft:#97a1ae;--line:#30363d;--a:#6fb1e0;
--b:#eba063;--c:#93c47d;--d:#c39bd3;--heat:#6fb1e0;--warn:#ef8078}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);line-height:1.55;
font-family:system-ui,-apple-system,"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif}
main{max-width:64rem;margin:0 auto;padding:2.2rem 1.2rem 4rem}
h1{font-size:clamp(1.35rem,3.2vw,2.05rem);line-height:1.3;font-weight:620;margin:.2rem 0 1rem;text-wrap:balance}
h2{font-size:1.12rem;font-weight:620;margin:2.6rem 0 .2rem}
h3{font-size:.95rem;font-weight:600;margin:0 0 .1rem;overflow-wrap:anywhere}
p{margin:.2rem 0 .8rem;max-width:46rem}.soft,figcaption,.lead{color:var(--soft);font-size:.92rem}
.lead{margin-bottom:1.4rem}
.cards{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(12.5rem,1fr));margin:1.2rem 0}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1rem;margin:0}
.card b{display:block;font-weight:500;color:var(--soft);font-size:.88rem;margin-bottom:.3rem}
.card div{display:flex;justify-content:space-between;gap:.6rem;align-items:baseline}
.card span{font-size:1.45rem;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.card small{color:var(--soft)}
.pair{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr))}
.stack{display:grid;gap:.8rem}
svg{display:block;width:100%;height:auto;overflow:visible}
.chart svg{max-width:36rem}.pair>.chart:only-child{max-width:38.2rem}
.wide{overflow-x:auto}.wide svg{min-width:44rem}
svg text{fill:var(--soft);font-size:11px}svg .ink{fill:var(--ink)}
.axis{stroke:var(--line);stroke-width:1;fill:none}.even{stroke:var(--soft);stroke-dasharray:4 4;fill:none}
.l0,.l1,.l2,.l3{fill:none;stroke-width:2;stroke-linejoin:round}
.l0{stroke:var(--a);stroke-width:3.6}.l1{stroke:var(--b)}.l2{stroke:var(--c)}.l3{stroke:var(--d)}
.f0{fill:var(--a)}.f1{fill:var(--b)}.f2{fill:var(--c)}.f3{fill:var(--d)}
.k0{color:var(--a)}.k1{color:var(--b)}.k2{color:var(--c)}.k3{color:var(--d)}
.thin{stroke-width:1.3}.l0.thin{stroke-width:2.4}.heat{fill:var(--heat)}.warn{stroke:var(--warn);stroke-width:1.4;stroke-dasharray:3 3}
.warnfill{fill:var(--warn)}.rest{fill:var(--soft)}.rests{stroke:var(--soft);stroke-width:1.3;fill:none}.front{stroke:var(--c);stroke-width:2;fill:none;opacity:.7}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.9rem;margin:.1rem 0 .5rem}
.key i{display:inline-block;width:.75rem;height:.75rem;border-radius:.2rem;background:currentColor;margin-right:.4rem}
.key em{font-style:normal;color:var(--ink)}
.rows{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.88rem}
td,th{text-align:left;padding:.32rem .7rem .32rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500;color:var(--soft)}.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
td.when{white-space:nowrap;font-variant-numeric:tabular-nums}td.id{overflow-wrap:anywhere;min-width:6rem}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600;font-size:.95rem;padding:.2rem 0}
h1.equal::before{content:"✓ ";color:var(--c)}h1.unequal::before{content:"≠ ";color:var(--warn)}
ul{padding-left:1.2rem;overflow-wrap:anywhere}
@media(max-width:40rem){.chart svg text{font-size:13.5px}.rows table{min-width:36rem}.counts table{min-width:0}}
@media print{main{max-width:none}figure,.card{break-inside:avoid}}
"""
