import { useState } from 'react'

type Props = { account: { handle: string; displayName?: string | null; avatarUrl?: string | null }; size: number }

/**
 * The picture of an account, or its initial if there is no picture or it fails to load. It is decorative: the name is
 * beside it.
 */
export function Avatar({ account, size }: Props) {
  const [isBroken, setBroken] = useState(false)
  const { displayName, handle, avatarUrl } = account
  if (avatarUrl && !isBroken) {
    return <img className="avatar" src={avatarUrl} alt="" width={size} height={size} onError={() => setBroken(true)} />
  }
  return (
    <svg className="avatar" width={size} height={size} viewBox="0 0 40 40" aria-hidden="true">
      <rect width="40" height="40" />
      <text x="20" y="27" textAnchor="middle">
        {(displayName || handle).charAt(0).toUpperCase()}
      </text>
    </svg>
  )
}
