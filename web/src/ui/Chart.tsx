import { Button } from "@mantine/core";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useText } from "../text";
import classes from "./Chart.module.css";
import { labelStep, linePath, secondTicks, ticks } from "./scales";

/** One row of values, one for each point; undefined where nothing was measured. */
interface Series {
  name: string;
  values: (number | undefined)[];
}

interface ChartProps {
  title: string;
  /** What is shown, in one sentence; it is also what a screen reader is told. */
  lead: string;
  kind: "lines" | "bars";
  /** What the values are: it decides the marks of the axis. */
  unit: "seconds" | "number";
  series: Series[];
  /** The points: short for the axis, and in full for the table. */
  points: { short: string; full: string }[];
  /** What the points are: hours or days. */
  pointName: string;
  format: (value: number) => string;
  /** Shown instead of an empty plot. */
  none: string;
}

const height = 200;
const top = 8;
const bottom = 24;

/** Lines, or bars on top of each other, with the same numbers in a table. */
export function Chart(props: ChartProps) {
  const { title, lead, series, none } = props;
  const t = useText();
  const [table, showTable] = useState(false);
  const name = useId();
  const any = series.some((s) => s.values.some((v) => v !== undefined && v > 0));
  return (
    <section className={`card ${classes.chart}`} aria-labelledby={name}>
      <div className="spread">
        <div className="grow">
          <h3 id={name}>{title}</h3>
          <p className="small muted">{lead}</p>
        </div>
        {any && (
          <Button
            variant="default"
            size="compact-sm"
            aria-expanded={table}
            aria-label={`${table ? t.health.chart.hideTable : t.health.chart.showTable}: ${title}`}
            onClick={() => showTable(!table)}
          >
            {table ? t.health.chart.hideTable : t.health.chart.showTable}
          </Button>
        )}
      </div>
      {!any && <p className={`muted ${classes.none}`}>{none}</p>}
      {any && series.length > 1 && (
        <ul className={classes.legend}>
          {series.map((s, i) => (
            <li key={s.name}>
              <svg width="22" height="12" aria-hidden="true">
                {props.kind === "lines" ? (
                  <g data-i={i}>
                    <path d="M1 6H21" className={classes.line} />
                    <Mark i={i} x={11} y={6} />
                  </g>
                ) : (
                  <rect data-i={i} x="4" width="14" height="12" rx="2" className={classes.mark} />
                )}
              </svg>
              {s.name}
            </li>
          ))}
        </ul>
      )}
      {any && <Plot {...props} />}
      {any && table && <Twin {...props} />}
    </section>
  );
}

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setWidth(el.clientWidth));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  return [ref, width] as const;
}

function Plot({ title, lead, kind, unit, series, points, format }: ChartProps) {
  const [ref, width] = useWidth();
  const id = useId();
  const sums = points.map((_, i) => series.reduce((sum, s) => sum + (s.values[i] ?? 0), 0));
  const max = Math.max(0, ...(kind === "bars" ? sums : series.flatMap((s) => s.values.map((v) => v ?? 0))));
  const marks = unit === "seconds" ? secondTicks(max) : ticks(max);
  const most = marks.at(-1) ?? 1;
  const left = 12 + 7 * Math.max(...marks.map((m) => format(m).length));
  const inner = Math.max(0, width - left - 8);
  const slot = inner / Math.max(1, points.length);
  const x = (i: number) => left + slot * (i + 0.5);
  const y = (v: number) => top + (height - top - bottom) * (1 - v / most);
  const step = labelStep(points.length, inner, 12 + 7 * Math.max(...points.map((p) => p.short.length)));
  return (
    <div ref={ref} className={classes.plot}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          role="img"
          aria-labelledby={`${id}t ${id}d`}
        >
          <title id={`${id}t`}>{title}</title>
          <desc id={`${id}d`}>{lead}</desc>
          {marks.map((m) => (
            <g key={m}>
              <line x1={left} x2={width - 8} y1={y(m)} y2={y(m)} className={classes.grid} />
              <text x={left - 6} y={y(m) + 4} textAnchor="end" className={classes.axis}>
                {format(m)}
              </text>
            </g>
          ))}
          {points.map(
            (p, i) =>
              (points.length - 1 - i) % step === 0 && (
                <text
                  key={p.full}
                  x={Math.min(x(i), width - 4 - 3.5 * p.short.length)}
                  y={height - 6}
                  textAnchor="middle"
                  className={classes.axis}
                >
                  {p.short}
                </text>
              ),
          )}
          {kind === "lines" ? (
            series.map((s, n) => <Line key={s.name} series={s} n={n} x={x} y={y} />)
          ) : (
            <Bars series={series} points={points} x={x} y={y} width={Math.max(2, slot * 0.7)} format={format} />
          )}
        </svg>
      )}
    </div>
  );
}

interface Scaled {
  x: (i: number) => number;
  y: (v: number) => number;
}

function Line({ series, n, x, y }: Scaled & { series: Series; n: number }) {
  return (
    <g data-i={n}>
      <path d={linePath(series.values, x, y)} className={classes.line} />
      {series.values.map((v, i) => {
        if (v === undefined) return null;
        const at = x(i);
        return <Mark key={at} i={n} x={at} y={y(v)} />;
      })}
    </g>
  );
}

/** The mark of a series: a shape of its own, so that it is not told by its colour alone. */
function Mark({ i, x, y }: { i: number; x: number; y: number }) {
  const shapes: ReactNode[] = [
    <circle key="0" cx={x} cy={y} r="3.5" className={classes.mark} />,
    <rect key="1" x={x - 3.2} y={y - 3.2} width="6.4" height="6.4" className={classes.mark} />,
    <path key="2" d={`M${x} ${y - 4.2}L${x + 4} ${y + 3}H${x - 4}z`} className={classes.mark} />,
    <path key="3" d={`M${x} ${y - 4.4}L${x + 4.4} ${y}L${x} ${y + 4.4}L${x - 4.4} ${y}z`} className={classes.mark} />,
  ];
  return shapes[i % shapes.length];
}

interface BarsProps extends Scaled {
  series: Series[];
  points: { full: string }[];
  width: number;
  format: (value: number) => string;
}

function Bars({ series, points, x, y, width, format }: BarsProps): ReactNode {
  return points.map((p, i) => {
    let sum = 0;
    return (
      <g key={p.full}>
        {series.map((s, n) => {
          const value = s.values[i] ?? 0;
          if (value === 0) return null;
          const from = sum;
          sum += value;
          return (
            <rect
              key={s.name}
              data-i={n}
              x={x(i) - width / 2}
              width={width}
              y={y(sum)}
              height={Math.max(1, y(from) - y(sum))}
              className={classes.mark}
            >
              <title>{`${p.full}: ${s.name} ${format(value)}`}</title>
            </rect>
          );
        })}
      </g>
    );
  });
}

function Twin({ title, series, points, pointName, format }: ChartProps) {
  const t = useText();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    // biome-ignore lint/a11y/useSemanticElements: a part of the chart is no place of the page, and no form
    <div role="group" className={classes.scroll} tabIndex={0} aria-label={t.health.chart.tableOf(title)}>
      <table className="table keep">
        <thead>
          <tr>
            <th scope="col">{pointName}</th>
            {series.map((s) => (
              <th key={s.name} scope="col" className="num">
                {s.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map((p, i) => (
            <tr key={p.full}>
              <th scope="row">{p.full}</th>
              {series.map((s) => {
                const v = s.values[i];
                return (
                  <td key={s.name} className="num">
                    {v === undefined ? "–" : format(v)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
