/* The pictures: one stroke, one grid of 16, no library. All are decoration; the word beside them carries the meaning. */
import type { ReactNode } from 'react'

type Drawn = { size?: number }

function draw(shape: ReactNode) {
  return function Icon({ size = 16 }: Drawn) {
    return (
      <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
        {shape}
      </svg>
    )
  }
}

export const HomeIcon = draw(<><circle cx="8" cy="8" r="6" /><path d="M8 2v12M2 8h12" strokeWidth="1" /><circle cx="8" cy="8" r="1.4" fill="currentColor" stroke="none" /></>)
export const TracesIcon = draw(<path d="M2 3.5h8M4.5 8H13M7 12.5h7" />)
export const DatasetsIcon = draw(<><rect x="2" y="2.5" width="12" height="11" rx="1.5" /><path d="M2 6.2h12M2 9.8h12M6.2 6.2v7.3" strokeWidth="1.1" /></>)
export const RunsIcon = draw(<path d="M2 12.5c2.5 0 2.8-9 5.2-9s2.3 6 4 6S12.8 6 14 6" />)
export const ModelsIcon = draw(<><path d="M8 1.8 13.5 5v6L8 14.2 2.5 11V5z" /><path d="M2.5 5 8 8.2 13.5 5M8 8.2v6" strokeWidth="1.1" /></>)
export const EndpointsIcon = draw(<><path d="M2 8h4c2 0 2-4 4-4h3M6 8c2 0 2 4 4 4h3" /><path d="m11.5 2.2 2 1.8-2 1.8M11.5 10.2l2 1.8-2 1.8" /></>)
export const ExperimentsIcon = draw(<path d="M6 2h4M6.8 2v4.2L3 12.6A1 1 0 0 0 3.9 14h8.2a1 1 0 0 0 .9-1.4L9.2 6.2V2M5 10h6" />)
export const PromptsIcon = draw(<path d="M2.5 3h11v8h-6l-3 2.5V11h-2z" />)
export const PlaygroundIcon = draw(<><rect x="2" y="3" width="5" height="10" rx="1" /><rect x="9" y="3" width="5" height="10" rx="1" /><path d="M4 6h1M4 8.5h1M11 6h1M11 8.5h1" strokeWidth="1.1" /></>)
export const ScorersIcon = draw(<><path d="M8 2.5v11M4.5 13.5h7M3 5h10" /><path d="M3 5 1.5 9.2h3zM13 5l-1.5 4.2h3z" strokeWidth="1.1" /></>)
export const ReleasesIcon = draw(<><rect x="2.5" y="5.5" width="11" height="8" rx="1" /><path d="M2.5 5.5 4.5 2.5h7l2 3M8 2.5v3M5.5 9.3l1.8 1.8 3.2-3.4" /></>)
export const SettingsIcon = draw(<><path d="M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7" /><circle cx="11" cy="4.5" r="1.8" /><circle cx="5" cy="11.5" r="1.8" /></>)
export const AlertsIcon = draw(<path d="M8 2a4 4 0 0 0-4 4c0 4-1.5 5-1.5 5h11S12 10 12 6a4 4 0 0 0-4-4zM6.7 13.5a1.4 1.4 0 0 0 2.6 0" />)
export const DashboardsIcon = draw(<path d="M2.5 2v11.5H14M5.5 11V7.5M8.5 11V4.5M11.5 11V6" />)
export const QueuesIcon = draw(<path d="M2 3.5h5M2 8h5M2 12.5h5M9.5 4l1.5 1.5L14 2.5M9.5 10.5 11 12l3-3" />)
export const SessionsIcon = draw(<><path d="M2 3h8v5.5H6L3.8 10.5V8.5H2z" /><path d="M12 6h2v5.5h-1.6v2l-2.2-2H7" /></>)
export const UsersIcon = draw(<><circle cx="6" cy="5.2" r="2.4" /><path d="M1.8 13.5c.3-2.8 2-4.2 4.2-4.2s3.9 1.4 4.2 4.2M10.4 3a2.3 2.3 0 0 1 0 4.4M12 9.8c1.3.6 2.1 1.9 2.3 3.7" /></>)
export const PipelinesIcon = draw(<><circle cx="3.6" cy="8" r="1.9" /><circle cx="12.4" cy="3.8" r="1.9" /><circle cx="12.4" cy="12.2" r="1.9" /><path d="M5.4 7.2l5.3-2.6M5.4 8.8l5.3 2.6" /></>)
export const RolloutsIcon = draw(<path d="M2 13.5V11h3.5V8.5H9V6h3.5V2.5M10.5 4.3l2-1.8 2 1.8" />)
export const GatewayIcon = draw(<><path d="M3 14V5l5-3 5 3v9M1.5 14h13" /><path d="M6 14V9h4v5" /></>)
export const JobsIcon = draw(<><rect x="2" y="2.5" width="12" height="3" rx="0.8" /><rect x="2" y="7" width="12" height="3" rx="0.8" /><path d="M3 13h6" /></>)
export const AccessIcon = draw(<><circle cx="5.2" cy="10.8" r="2.9" /><path d="m7.4 8.6 6-6M11 5l2 2M9.2 6.8l1.4 1.4" /></>)
export const AuditIcon = draw(<><path d="M3 2h10v12l-2-1.4L9 14l-2-1.4L5 14l-2-1.4z" /><path d="M5.5 5.5h5M5.5 8.5h5" strokeWidth="1.1" /></>)
export const ReportsIcon = draw(<><path d="M3.5 2h6l3 3v9h-9z" /><path d="m5.8 9.3 1.6 1.6 2.8-3.2" /></>)
export const CommentIcon = draw(<><path d="M2.5 3h11v8H8l-3.2 2.6V11H2.5z" /><path d="M5 6h6M5 8.3h4" strokeWidth="1.1" /></>)
export const ThumbUpIcon = draw(<path d="M2.5 7.5h2.3v6H2.5zM4.8 12.6c1.2.6 2.3.9 3.7.9h2.3c1.3 0 1.9-.7 2.1-1.9l.5-2.9c.2-1.1-.4-1.9-1.5-1.9H9.2l.4-2.6c.2-1.2-.4-1.9-1.3-1.9L4.8 7.8" />)
export const ThumbDownIcon = draw(<path d="M2.5 8.5h2.3v-6H2.5zM4.8 3.4c1.2-.6 2.3-.9 3.7-.9h2.3c1.3 0 1.9.7 2.1 1.9l.5 2.9c.2 1.1-.4 1.9-1.5 1.9H9.2l.4 2.6c.2 1.2-.4 1.9-1.3 1.9L4.8 8.2" />)
export const SearchIcon = draw(<><circle cx="7" cy="7" r="4.3" /><path d="m10.2 10.2 3.6 3.6" /></>)
export const CopyIcon = draw(<><rect x="5.5" y="5.5" width="8" height="8" rx="1.2" /><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" /></>)
export const TickIcon = draw(<path d="m3 8.5 3.2 3.2L13 4.8" />)
export const CrossIcon = draw(<path d="m4 4 8 8M12 4l-8 8" />)
export const WarnIcon = draw(<><path d="M8 2.2 14.5 13.5h-13z" /><path d="M8 6.5v3.3M8 11.6v.1" /></>)
export const PauseIcon = draw(<path d="M5.5 4v8M10.5 4v8" strokeWidth="2" />)
export const DotIcon = draw(<circle cx="8" cy="8" r="3.5" />)
export const WaitIcon = draw(<><circle cx="8" cy="8" r="5.5" strokeDasharray="2 2.3" /></>)
export const TurningIcon = draw(<path d="M8 2.5A5.5 5.5 0 1 1 2.5 8" />)
export const BackIcon = draw(<path d="M6 4 2.5 7.5 6 11M2.5 7.5H10a3.5 3.5 0 0 1 0 7" />)
export const ArrowIcon = draw(<path d="M3 8h10M9.5 4.5 13 8l-3.5 3.5" />)
export const SunIcon = draw(<><circle cx="8" cy="8" r="2.8" /><path d="M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1" /></>)
export const MoonIcon = draw(<path d="M13 9.8A5.7 5.7 0 0 1 6.2 3 5.5 5.5 0 1 0 13 9.8z" />)
export const AutoIcon = draw(<><rect x="2" y="3" width="12" height="8" rx="1.2" /><path d="M5.5 13.5h5" /></>)

/** The wheel alone: it turns while a turn goes on. */
export const WheelIcon = draw(<><circle cx="8" cy="8" r="6.6" strokeWidth="1.2" /><circle cx="8" cy="8" r="1.3" fill="currentColor" stroke="none" /><path d="M8 1.4v13.2M1.4 8h13.2M3.33 3.33l9.34 9.34M12.67 3.33l-9.34 9.34" strokeWidth="0.5" /></>)

/** The mark: a wheel, the rod that drives it, and the treadle under the foot. */
export function Mark({ size = 28 }: Drawn) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" aria-hidden="true" focusable="false">
      <circle cx="17" cy="12" r="9.5" />
      <path d="M17 2.5v19M7.5 12h19" strokeWidth="1.1" />
      <circle cx="17" cy="12" r="2" fill="currentColor" stroke="none" />
      <path d="M17 12 8.5 26.5" />
      <path d="M3 29.5 26 24.5" />
    </svg>
  )
}
